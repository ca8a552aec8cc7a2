"""Sheet -> marks: cards, pills, bars, outlines and lines as shapes and texts."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.backends.drawing.content.model import Bar, Card, Merge, Row, Stairs, Terminal, Word
from archdsl.backends.drawing.marks.marks import Mark, Paint, Part, Picture, Point, Polygon, Rectangle, Text, Wire
from archdsl.backends.drawing.marks.palette import SHADES, row_fill, row_texts
from archdsl.backends.drawing.marks.stairs import paint_stairs
from archdsl.backends.drawing.places.layout import FOOTER_LINE, LEGEND, LEGEND_LINE, SIGNS, Sheet, legend_width
from archdsl.backends.drawing.places.metrics import fitted, width
from archdsl.backends.drawing.places.scene import Box, Caption, Dot, Label, Line, Outline, Shape, Solid
from archdsl.backends.drawing.places.sizes import (
    BAR_CAPTION,
    CELL,
    HEADING,
    METER,
    PAD,
    ROW,
    SMALL,
    STRIP,
    SUBTITLE,
    TEXT,
    TINY,
    TITLE,
    caption_width,
    header,
    joined,
    part_widths,
    words_width,
)

MARGIN = CELL / 2
"""Between the side of a cell and its text."""
BASE = 12.5
"""From the top of a row to the baseline of its texts."""
ARROW = 6.0
"""Length of an arrow's head."""
NOTCH = 2.4
"""Half its width."""


def paint(sheet: Sheet) -> Picture:
    """The sheet as marks: outlines lowest, then lines, then what they join."""
    painter = _Painter(sheet)
    marks = (*painter.heading(), *painter.outlines(sheet.shapes), *painter.lines(), *painter.shapes(sheet.shapes))
    return Picture(sheet.width, sheet.height, sheet.title, sheet.subtitle, (*marks, *painter.foot()))


class _Painter:
    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet

    def heading(self) -> Iterator[Mark]:
        middle = self.sheet.width / 2
        yield Text(middle, 24, self.sheet.title, TITLE, "ink", True, "middle")
        yield Text(middle, 42, self.sheet.subtitle, SUBTITLE, "grey", anchor="middle")

    def foot(self) -> Iterator[Mark]:
        sheet = self.sheet
        for index, keys in enumerate(sheet.legend):
            x = (sheet.width - sum(map(legend_width, keys))) / 2
            y = sheet.foot + LEGEND_LINE * index
            for key in keys:
                yield from self._sign(key, x, y)
                x += legend_width(key)
        for index, text in enumerate(sheet.footer):
            y = sheet.foot + LEGEND_LINE * len(sheet.legend) + FOOTER_LINE * index
            yield Text(sheet.width / 2, y + 10, text, TINY, "grey", anchor="middle")

    def _sign(self, key: str, x: float, y: float) -> Iterator[Mark]:
        size = 9
        if key == "meter":
            size = METER
            yield from self._meter(x, y + 6, 0.6, "conv-strip")
        elif key == "shade":
            size = SIGNS["shade"]
            for shade in range(SHADES):
                yield Rectangle(x + 6 * shade, y + 4, 6, 9, Paint(f"shade-{shade}"))
        elif key == "volume":
            size = SIGNS["volume"]
        elif key == "glyph":
            yield Rectangle(x, y + 3, 9, 12, Paint("glyph"))
        else:
            yield Rectangle(x, y + 4, 9, 9, Paint(f"{key}-strip"))
        yield Text(x + size + 5, y + 11.5, LEGEND[key], TINY, "grey")

    def outlines(self, shapes: list[Shape]) -> Iterator[Mark]:
        for shape in shapes:
            if isinstance(shape, Outline):
                line = "line" if shape.group.kind == "scope" else "badge"
                frame = Rectangle(shape.left, shape.top, shape.width, shape.height, Paint(_ground(shape), line), 8)
                path = shape.group.path
                yield Part(path, path, (frame,)) if path else frame
                yield from self.outlines(shape.inside)

    def lines(self) -> Iterator[Mark]:
        for line in self.sheet.lines:
            yield from draw_line(line)

    def shapes(self, shapes: list[Shape], ground: str = "paper") -> Iterator[Mark]:
        """Shapes on a ground of a colour."""
        for shape in shapes:
            if isinstance(shape, Outline):
                yield from self._header(shape)
                yield from self.shapes(shape.inside, _ground(shape))
            elif isinstance(shape, Box):
                yield from self._box(shape)
            elif isinstance(shape, Dot):
                yield Rectangle(shape.left - 2, shape.top - 2, 4, 4, Paint("edge"), 2)
            elif isinstance(shape, Solid):
                yield _solid(shape)
            elif isinstance(shape, Caption):
                yield Text(shape.left, shape.top + 10, shape.text, TEXT, "ink", True, "middle")
                yield Text(shape.left, shape.top + 23, shape.output, SMALL, "grey", anchor="middle")
            else:
                yield from self._label(shape, ground)

    def _label(self, label: Label, ground: str) -> Iterator[Mark]:
        if ground != "paper":  # which may be any, of a page that a picture lies on
            yield Rectangle(label.left, label.top + 1, label.width, 12, Paint(ground))
        yield Text(label.left + 2, label.top + 10, label.text, SMALL, "amber-text")

    def _header(self, outline: Outline) -> Iterator[Mark]:
        words = header(outline.group)
        x, y = outline.left + PAD, outline.top + 17
        yield Text(x, y, words.title, HEADING, "ink", True)
        x += width(words.title, HEADING, True)
        if words.call:
            x += width(words.call, SMALL)
            yield Text(x, y, words.call.strip(), SMALL, "grey", anchor="end")
        if words.badge:
            across = width(words.badge, SMALL, True)
            yield Rectangle(x + 6, y - 10, across, 13, Paint("badge"), 2)
            yield Text(x + 6 + across / 2, y - 0.5, words.badge.strip(), SMALL, "badge-text", True, "middle")
        if words.note:
            yield Text(outline.left + PAD, y + 13, words.note, TINY, "grey")

    def _box(self, box: Box) -> Iterator[Mark]:
        item = box.item
        if isinstance(item, Card):
            yield from self._card(item, box)
        elif isinstance(item, Bar):
            yield from self._bar(item, box)
        elif isinstance(item, Stairs):
            yield from paint_stairs(item, box.left, box.top)
        elif isinstance(item, Merge):
            yield _named(item.path, self._merge(item, box))
        else:
            yield _named(item.path, self._terminal(item, box))

    def _terminal(self, item: Terminal, box: Box) -> Iterator[Mark]:
        if item.glyph is None:
            text = "  ".join(t for t in (item.name, item.output) if t)
            yield Rectangle(box.left, box.top, box.width, box.height, Paint("block-fill"))
            yield Text(box.left + box.width / 2, box.top + 10, text, SMALL, "grey", anchor="middle")
            return
        yield Rectangle(box.left, box.top, box.width, box.height, Paint("paper", "ink", 1.4), 6)
        name = fitted(item.name, 230, TEXT, True)
        x, y = box.left + 11, box.top + box.height / 2
        yield Text(x, y + 3.5, name, TEXT, "ink", True)
        x += width(name, TEXT, True) + 6
        yield _glyph(x, y, item.glyph)
        yield Text(box.left + box.width - 11, y + 3.5, item.output, SMALL, "ink", anchor="end")

    def _merge(self, item: Merge, box: Box) -> Iterator[Mark]:
        yield Rectangle(box.left, box.top, box.width, box.height, Paint("merge-row", "merge-strip"), 6)
        gap = 5 if item.words else 0
        x = box.left + (box.width - width(item.text, HEADING, True) - words_width(item.words) - gap) / 2
        yield Text(x, box.top + 13, item.text, HEADING, "ink", True)
        yield from self._words(item.words, x + width(item.text, HEADING, True) + gap, box.top + BASE)

    def _bar(self, item: Bar, box: Box) -> Iterator[Mark]:
        caption, top = (box.top, box.top + BAR_CAPTION) if item.is_split else (box.top + ROW, box.top)
        widths = part_widths(item)
        x = box.left + (box.width - sum(widths)) / 2
        for across, label in zip(widths, item.labels, strict=True):
            yield Rectangle(x, top, across, ROW, Paint("merge-row", "merge-strip"))
            if len(widths) <= 8:
                yield Text(x + across / 2, top + BASE, label, SMALL, "ink", True, "middle")
            x += across
        yield _named(item.path, self._caption(item, box, caption + BASE))

    def _caption(self, item: Bar, box: Box, y: float) -> Iterator[Mark]:
        x = box.left + (box.width - caption_width(item) + 16) / 2
        yield Text(x, y, item.text, TEXT, "ink", True)
        x += width(item.text, TEXT, True) + 5
        if item.output:
            yield Text(x, y, item.output, SMALL, "ink")
            x += width(item.output, SMALL) + 5
        yield from self._words(item.words, x, y)

    def _card(self, card: Card, box: Box) -> Iterator[Mark]:
        columns = box.columns
        assert columns is not None
        line = "badge" if any(r.kind == "block" for r in card.rows) else "line"
        yield Rectangle(box.left, box.top, box.width, box.height, Paint("paper", line))
        y = box.top + 1
        if card.heading or box.is_headed:
            yield from self._heading(card, box, y)
            y += ROW
        for row in card.rows:
            yield Part(row.path, row.tooltip, tuple(self._row(row, box, y)))
            y += ROW

    def _heading(self, card: Card, box: Box, y: float) -> Iterator[Mark]:
        columns = box.columns
        assert columns is not None
        room = (columns.heading if box.is_headed else columns.total) - CELL
        heading = fitted(card.heading, room, TEXT, True)
        x = box.left + 1 + MARGIN
        if heading:
            yield Text(x, y + BASE, heading, TEXT, "ink", True)
        used = width(heading, TEXT, True) + 6
        if card.note and len(heading) == len(card.heading) and room - used > 30:
            yield Text(x + used, y + BASE, fitted(card.note, room - used, SMALL), SMALL, "grey")
        if box.is_headed:
            right = box.left + 1 + columns.heading
            for name, across in (("output", columns.output), ("params", columns.params), ("MACs", columns.meter)):
                right += across
                if across:
                    yield Text(right - MARGIN, y + BASE, name, TINY, "grey", anchor="end")

    def _row(self, row: Row, box: Box, y: float) -> Iterator[Mark]:
        columns = box.columns
        assert columns is not None
        x, base = box.left + 1, y + BASE
        if row.caption:
            text = fitted(row.text, columns.total - STRIP - CELL, SMALL)
            yield Text(x + STRIP + MARGIN, base, text, SMALL, "amber-text" if row.caption == "identity" else "grey")
            return
        grey, activation = row_texts(row, self.sheet.most)
        yield Rectangle(x, y, columns.total, ROW, Paint(row_fill(row, self.sheet.most)))
        yield Rectangle(x, y, STRIP, ROW, Paint(f"{row.kind}-strip"))
        x += STRIP
        yield Text(x + MARGIN, base, fitted(row.name, columns.name - CELL, SMALL), SMALL, grey)
        x += columns.name
        yield Text(x + MARGIN, base, fitted(row.text, columns.text - CELL, TEXT, True), TEXT, "ink", True)
        x += columns.text
        yield from self._words(row.words, x + MARGIN, base, grey, activation)
        x += columns.words
        if row.is_change and row.glyph and columns.glyph:
            yield _glyph(x + columns.glyph / 2 - row.glyph[0] / 2, y + ROW / 2, row.glyph)
        x += columns.glyph + columns.output
        if row.is_change and columns.output:
            output = fitted(row.output, columns.output - CELL, SMALL)
            yield Text(x - MARGIN, base, output, SMALL, "ink", anchor="end")
        x += columns.params
        if row.params and columns.params:
            yield Text(x - MARGIN, base, row.params, SMALL, grey, anchor="end")
        if row.macs and columns.meter:
            share = row.macs / self.sheet.scale if self.sheet.scale else 0
            yield from self._meter(x + MARGIN, y + 6, share, f"{row.kind}-strip")

    def _words(
        self, words: tuple[Word, ...], x: float, y: float, grey: str = "grey", activation: str = "activation-text"
    ) -> Iterator[Mark]:
        for word in joined(words):
            yield Text(x, y, word.text, SMALL, activation if word.kind == "activation" else grey)
            x += width(word.text, SMALL)

    def _meter(self, x: float, y: float, share: float, token: str) -> Iterator[Mark]:
        full = max(1, min(round(METER * share), METER))
        yield Rectangle(x, y, METER, 6, Paint("empty"))
        yield Rectangle(x, y, full, 6, Paint(token))


def _ground(outline: Outline) -> str:
    """The colour inside of an outline."""
    return "scope" if outline.group.kind == "scope" else "block-fill"


def _named(path: str, marks: Iterator[Mark]) -> Part:
    return Part(path, path, tuple(marks))


def _solid(solid: Solid) -> Part:
    """The three faces that are seen of a box."""
    left, top, right, bottom = solid.left, solid.top, solid.left + solid.width, solid.top + solid.height
    dx, dy = solid.depth
    kind = solid.volume.kind
    side = ((right, top), (right + dx, top - dy), (right + dx, bottom - dy), (right, bottom))
    roof = ((left, top), (left + dx, top - dy), (right + dx, top - dy), (right, top))
    front = Rectangle(left, top, solid.width, solid.height, Paint(f"{kind}-front", "rim", 0.6))
    faces = (Polygon(side, Paint(f"{kind}-side", "rim", 0.6)), Polygon(roof, Paint(f"{kind}-roof", "rim", 0.6)), front)
    return Part(solid.volume.path, solid.volume.tooltip, faces)


def _glyph(x: float, middle: float, size: tuple[int, int]) -> Rectangle:
    return Rectangle(x, middle - size[1] / 2, *size, Paint("glyph"))


def draw_line(line: Line) -> Iterator[Mark]:
    """A line and, where it has one, its head."""
    token, across = ("amber", 1.5) if line.is_skip else ("edge", 1.1)
    points = line.points
    if line.has_arrow:
        end, stop = points[-1], towards(points[-1], points[-2], ARROW - 1)
        points = (*points[:-1], stop)
        yield Wire(points, Paint("", token, across), line.is_skip)
        yield Polygon(_head(end, points[-2]), Paint(token))
    else:
        yield Wire(points, Paint("", token, across), line.is_skip)


def _head(end: Point, before: Point) -> tuple[Point, ...]:
    x, y = towards(end, before, ARROW)
    length = max(abs(end[0] - x) + abs(end[1] - y), 0.01)
    dx, dy = (end[1] - y) / length * NOTCH, (end[0] - x) / length * NOTCH
    return end, (x - dx, y + dy), (x + dx, y - dy)


def towards(start: Point, end: Point, distance: float) -> Point:
    """The point at a distance from `start` on the way to `end`, which is horizontal or vertical; at most all of it."""
    length = abs(end[0] - start[0]) + abs(end[1] - start[1])
    share = min(distance / length, 1) if length else 0.0
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share
