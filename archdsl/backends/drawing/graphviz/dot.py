"""Places -> DOT: nodes with HTML-like labels at given positions, edges along given points."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.backends.drawing.content.model import Bar, Card, Merge, Row, Stairs, Terminal, Word
from archdsl.backends.drawing.graphviz.markup import attribute, font, patches, strut, table, tag
from archdsl.backends.drawing.look import Theme
from archdsl.backends.drawing.marks.palette import SHADES, Palette, palette, row_fill, row_texts
from archdsl.backends.drawing.places.layout import FOOTER_LINE, HEAD, LEGEND, LEGEND_LINE, Sheet
from archdsl.backends.drawing.places.metrics import fitted
from archdsl.backends.drawing.places.scene import Box, Dot, Label, Line, Outline, Point, Shape
from archdsl.backends.drawing.places.sizes import (
    BAR_CAPTION,
    CELL,
    HEADING,
    METER,
    PAD,
    ROW,
    SMALL,
    STAIRS,
    STRIP,
    SUBTITLE,
    TEXT,
    TINY,
    TITLE,
    Columns,
    bar_width,
    header,
    joined,
    part_widths,
    stair_columns,
    stair_rows,
    stair_scale,
)

ROUND = 4
"""Radius of the corners of lines."""
ARROW = 5.5
"""Length of an arrow's head."""
SLACK = 2
"""Added to the size of a node, whose label would otherwise be said not to fit for a rounding error."""


def to_dot(sheet: Sheet, theme: Theme = "auto") -> str:
    """The sheet as DOT text: `dot -Tsvg` draws it as it stands, since it carries its own layout (`nop2`)."""
    return "\n".join(_Writer(sheet, theme).lines()) + "\n"


class _Writer:
    def __init__(self, sheet: Sheet, theme: Theme) -> None:
        self.sheet = sheet
        self.colours: Palette = palette(theme)
        self.background = "transparent" if theme == "auto" else self.colours["paper"]

    def lines(self) -> Iterator[str]:
        sheet, c = self.sheet, self.colours
        yield f'digraph "{attribute(sheet.title)}" {{'
        yield (
            f'graph [layout="nop2" outputorder="edgesfirst" fontname="Arial" bgcolor="{self.background}" pad="0"'
            f' bb="0,0,{_n(sheet.width)},{_n(sheet.height)}"]'
        )
        yield f'node [shape="none" margin="0" fixedsize="true" fontname="Arial" fontsize="10" fontcolor="{c["ink"]}"]'
        yield f'edge [fontname="Arial" color="{c["edge"]}" arrowsize="0.55" penwidth="1.1"]'
        size = f'width="{_n(sheet.width / 72, 4)}" height="{_n(sheet.height / 72, 4)}"'
        yield f'page [style="invis" {self._pos(sheet.width / 2, sheet.height / 2)} {size} label=""];'
        yield self._node("title", PAD, 2, sheet.width - 2 * PAD, HEAD - 4, self._title())
        for shape in sheet.shapes:
            yield from self._shape(shape)
        for index, line in enumerate(sheet.legend):
            y = sheet.foot + LEGEND_LINE * index
            yield self._node(f"legend{index + 1}", PAD, y, sheet.width - 2 * PAD, LEGEND_LINE, self._legend(line))
        for index, text in enumerate(sheet.footer):
            y = sheet.foot + LEGEND_LINE * len(sheet.legend) + FOOTER_LINE * index
            label = font(text, TINY, c["grey"])
            yield self._node(f"footer{index + 1}", PAD, y, sheet.width - 2 * PAD, FOOTER_LINE, label)
        for edge in sheet.lines:
            yield self._line(edge)
        yield "}"

    def _title(self) -> str:
        c = self.colours
        return table(
            tag("tr", tag("td", font(self.sheet.title, TITLE, c["ink"], bold=True)))
            + tag("tr", tag("td", font(self.sheet.subtitle, SUBTITLE, c["grey"]))),
            cellpadding=2,
        )

    def _legend(self, keys: tuple[str, ...]) -> str:
        cells = "".join(self._sign(key) + tag("td", font(LEGEND[key], TINY, self.colours["grey"])) for key in keys)
        return table(tag("tr", cells), cellspacing=3, cellpadding=1)

    def _sign(self, key: str) -> str:
        if key == "meter":
            return tag("td", self._meter(0.6, self.colours["conv-strip"]))
        if key == "shade":
            return tag("td", patches(9, *((6, self.colours[f"shade-{i}"]) for i in range(SHADES))))
        if key == "glyph":
            return tag("td", patches(12, (9, self.colours["glyph"])))
        return tag("td", patches(9, (9, self.colours[f"{key}-strip"])))

    def _shape(self, shape: Shape) -> Iterator[str]:
        if isinstance(shape, Outline):
            yield from self._outline(shape)
        elif isinstance(shape, Box):
            yield self._box(shape)
        elif isinstance(shape, Dot):
            point = f'shape="point" width="0.05" height="0.05" color="{self.colours["edge"]}"'
            yield f"{shape.name} [{point} {self._pos(shape.left, shape.top)}];"
        else:
            assert isinstance(shape, Label)  # volumes are no graph
            yield self._label(shape)

    def _label(self, label: Label) -> str:
        name = f'"label {_n(label.left)} {_n(label.top)}"'
        cell = tag("td", font(label.text, SMALL, self.colours["amber-text"]))
        return self._node(name, label.left, label.top, label.width, 14, table(tag("tr", cell)))

    def _outline(self, outline: Outline) -> Iterator[str]:
        c, group = self.colours, outline.group
        line, fill = ("line", "scope") if group.kind == "scope" else ("badge", "block-fill")
        top = self.sheet.height - outline.top
        bottom = top - outline.height
        right = outline.left + outline.width
        place = f"{_n(outline.left)},{_n(bottom)},{_n(right)},{_n(top)}"
        named = f' id="{attribute(group.path)}";' if group.path else ""
        yield f'subgraph "cluster_{group.key}" {{'
        yield f'bb="{place}"; style="rounded,filled"; penwidth="1"; color="{c[line]}"; fillcolor="{c[fill]}";{named}'
        yield from self._header(outline)
        for shape in outline.inside:
            yield from self._shape(shape)
        yield "}"

    def _header(self, outline: Outline) -> Iterator[str]:
        c, group = self.colours, outline.group
        words, left, top = header(group), outline.left + PAD, outline.top + 6
        cells = tag("td", font(words.title, HEADING, c["ink"], bold=True))
        if words.call:
            cells += tag("td", font(words.call, SMALL, c["grey"]))
        if words.badge:
            cells += tag("td", "", width=6)
            cells += tag("td", font(words.badge, SMALL, c["badge-text"], bold=True), bgcolor=c["badge"])
        yield self._node(f"head{group.key}", left, top, words.width, 15, table(tag("tr", cells)))
        if words.note:
            label = font(words.note, TINY, c["grey"])
            yield self._node(f"note{group.key}", left, top + 16, words.note_width, 12, label)

    def _box(self, box: Box) -> str:
        item = box.item
        place = (box.name, box.left, box.top, box.width, box.height)
        if isinstance(item, Card):
            return self._node(*place, self._card(item, box))
        if isinstance(item, Bar):
            return self._node(*place, self._bar(item))
        if isinstance(item, Stairs):
            return self._node(*place, self._stairs(item))
        if isinstance(item, Merge):
            c = self.colours
            return self._node(*place, self._merge(item), self._pill(item.path, c["merge-row"], c["merge-strip"], 1))
        if item.glyph is None:
            text = "  ".join(t for t in (item.name, item.output) if t)
            return self._node(*place, font(text, SMALL, self.colours["grey"]))
        pill = self._pill(item.path, self.colours["paper"], self.colours["ink"], 1.4)
        return self._node(*place, self._terminal(item), pill)

    def _pill(self, path: str, fill: str, line: str, width: float) -> str:
        shown = f' id="{attribute(path)}" tooltip="{attribute(path)}"' if path else ""
        return f' shape="box" style="rounded,filled" fillcolor="{fill}" color="{line}" penwidth="{width}"{shown}'

    def _terminal(self, item: Terminal) -> str:
        c = self.colours
        assert item.glyph is not None
        cells = tag("td", font(fitted(item.name, 230, TEXT, True), TEXT, c["ink"], bold=True) + strut(c["ink"]))
        cells += tag("td", patches(item.glyph[1], (item.glyph[0], c["glyph"])), width=item.glyph[0] + 8)
        cells += tag("td", strut(c["ink"]) + font(item.output, SMALL, c["ink"]))
        return table(tag("tr", cells))

    def _merge(self, item: Merge) -> str:
        c = self.colours
        cells = tag("td", font(item.text, HEADING, c["ink"], bold=True))
        if item.words:
            cells += tag("td", font("  ", SMALL, c["ink"]) + self._words(item.words))
        return table(tag("tr", cells))

    def _bar(self, item: Bar) -> str:
        c = self.colours
        widths = part_widths(item)
        labelled = len(widths) <= 8
        cells = ""
        for index, (part, width) in enumerate(zip(item.labels, widths, strict=True)):
            text = font(part, SMALL, c["ink"], bold=True) if labelled else ""
            cells += tag(
                "td",
                text,
                width=width,
                height=ROW,
                border=1,
                color=c["merge-strip"],
                bgcolor=c["merge-row"],
                port=f"p{index}",
            )
        parts = tag("tr", tag("td", table(tag("tr", cells))))
        caption = font(item.text, TEXT, c["ink"], bold=True)
        if item.output:
            caption += font(f"  {item.output}", SMALL, c["ink"])
        if item.words:
            caption += font("  ", SMALL, c["ink"]) + self._words(item.words)
        named = tag("tr", tag("td", caption, height=BAR_CAPTION, **_identity(item.path, item.path)))
        return table(named + parts if item.is_split else parts + named, width=bar_width(item))

    def _stairs(self, item: Stairs) -> str:
        c, columns, rows = self.colours, stair_columns(item), ""
        for number, row in enumerate(stair_rows(item)):
            state, size = row.state, SMALL if number else TINY
            bar = font(state, size, c["grey"]) if isinstance(state, str) else self._state(item, state)
            cells = _cell(font(fitted(row.name, columns.name - CELL, SMALL), SMALL, c["grey"]), columns.name, "left")
            cells += _cell(font(row.reads, SMALL, c["ink"]), columns.reads, "right")
            cells += _cell(bar, columns.state, "left")
            cells += _cell(font(row.total, SMALL, c["ink"]), columns.total, "right")
            rows += tag("tr", tag("td", table(tag("tr", cells), cellpadding=2)))
        return table(rows)

    def _state(self, stairs: Stairs, layer: int) -> str:
        """What a layer reads and what it adds, as a bar."""
        c, scale, stair = self.colours, stair_scale(stairs), stairs.layers[layer]
        parts = (
            (stairs.first, c["glyph"]),
            (stair.reads - stairs.first, c["merge-front"]),
            (stair.adds, c["merge-strip"]),
        )
        shown = [(max(round(size * scale), 1), colour) for size, colour in parts if size]
        return patches(11, *shown, (max(STAIRS - sum(across for across, _ in shown), 0), c["scope"]))

    def _card(self, card: Card, box: Box) -> str:
        assert box.columns is not None
        line = self.colours["badge" if any(r.kind == "block" for r in card.rows) else "line"]
        rows = [tag("tr", tag("td", self._heading(card, box.columns, box.is_headed)))] * bool(
            card.heading or box.is_headed
        )
        rows += [self._row(row, box.columns) for row in card.rows]
        return table("\n" + "\n".join(rows) + "\n", border=1, color=line, bgcolor=self.colours["paper"])

    def _heading(self, card: Card, columns: Columns, is_headed: bool) -> str:
        c = self.colours
        room = (columns.heading if is_headed else columns.total) - CELL
        heading = fitted(card.heading, room, TEXT, True)
        text = font(heading, TEXT, c["ink"], bold=True)
        if card.note and len(heading) == len(card.heading):
            text += font(f"  {fitted(card.note, room - 40, SMALL)}", SMALL, c["grey"])
        text += strut(c["ink"])
        if not is_headed:
            return table(tag("tr", _cell(text, columns.total, "left")), cellpadding=2)
        cells = _cell(text, columns.heading, "left")
        for name, width in (("output", columns.output), ("params", columns.params), ("MACs", columns.meter)):
            cells += _cell(strut(c["ink"]) + font(name, TINY, c["grey"]), width, "right")
        return table(tag("tr", cells), cellpadding=2)

    def _row(self, row: Row, columns: Columns) -> str:
        c = self.colours
        if row.caption:
            colour = c["amber-text" if row.caption == "identity" else "grey"]
            words = font(fitted(row.text, columns.total - STRIP - CELL, SMALL), SMALL, colour) + strut(c["ink"])
            cells = tag("td", "", width=STRIP, height=ROW) + _cell(words, columns.total - STRIP, "left")
            return tag("tr", tag("td", table(tag("tr", cells), cellpadding=2)))
        strip, fill, mark = c[f"{row.kind}-strip"], c[row_fill(row, self.sheet.most)], strut(c["ink"])
        grey, activation = row_texts(row, self.sheet.most)
        name = font(fitted(row.name, columns.name - CELL, SMALL), SMALL, c[grey])
        text = font(fitted(row.text, columns.text - CELL, TEXT, True), TEXT, c["ink"], bold=True)
        output = font(fitted(row.output, columns.output - CELL, SMALL), SMALL, c["ink"]) if row.is_change else ""
        params = font(row.params, SMALL, c[grey])
        picture = patches(row.glyph[1], (row.glyph[0], c["glyph"])) if row.glyph and row.is_change else ""
        share = row.macs / self.sheet.scale if self.sheet.scale else 0
        cells = tag("td", "", width=STRIP, height=ROW, bgcolor=strip)
        cells += _cell(name and name + mark, columns.name, "left")
        cells += _cell(text and text + mark, columns.text, "left")
        cells += _cell(self._words(row.words, grey, activation) + mark if row.words else "", columns.words, "left")
        cells += _cell(picture, columns.glyph)
        cells += _cell(output and mark + output, columns.output, "right")
        cells += _cell(params and mark + params, columns.params, "right")
        cells += _cell(self._meter(share, strip) if row.macs else "", columns.meter)
        inner = table(tag("tr", cells), cellpadding=2, bgcolor=fill)
        return tag("tr", tag("td", inner, **_identity(row.path, row.tooltip)))

    def _words(self, words: tuple[Word, ...], grey: str = "grey", activation: str = "activation-text") -> str:
        c = self.colours
        spans = (font(w.text, SMALL, c[activation if w.kind == "activation" else grey]) for w in joined(words))
        return "".join(spans)

    def _meter(self, share: float, colour: str) -> str:
        full = max(1, min(round(METER * share), METER))
        return patches(6, (full, colour), (METER - full, self.colours["empty"]))

    def _node(self, name: str, left: float, top: float, width: float, height: float, label: str, more: str = "") -> str:
        size = f'width="{_n((width + SLACK) / 72, 4)}" height="{_n((height + SLACK) / 72, 4)}"'
        return f"{name} [{self._pos(left + width / 2, top + height / 2)} {size}{more} label=<{label}>];"

    def _pos(self, x: float, y: float) -> str:
        return f'pos="{_n(x)},{_n(self.sheet.height - y)}"'

    def _line(self, line: Line) -> str:
        more = f' color="{self.colours["amber"]}" penwidth="1.5" class="skip"' if line.is_skip else ""
        if not line.has_arrow:
            more += ' arrowhead="none"'
        points = [(x, self.sheet.height - y) for x, y in line.points]
        return f'{line.tail} -> {line.head} [pos="{_spline(points, line.has_arrow)}"{more}];'


def _identity(path: str, tooltip: str) -> dict[str, str]:
    """The attributes that make a cell a thing of its own in SVG; older builds of Graphviz want a link for that."""
    return {"href": "#" + attribute(path), "id": attribute(path), "title": attribute(tooltip)}


def _cell(inner: str, width: int, align: str | None = None) -> str:
    """A cell of a row; none where its column takes no room."""
    return tag("td", inner, align=align, width=width, height=ROW) if width else ""


def _spline(points: list[Point], has_arrow: bool) -> str:
    """A line with rounded corners as the Bézier curves that Graphviz reads; an arrow is its last 5.5 points."""
    tip = ""
    if has_arrow:
        end = points[-1]
        points = [*points[:-1], _towards(end, points[-2], ARROW)]
        tip = f"e,{_at(end)} "
    curve = [points[0]]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        start, stop = _towards(corner, before, ROUND), _towards(corner, after, ROUND)
        curve += [curve[-1], start, start, corner, corner, stop]
    curve += [curve[-1], points[-1], points[-1]]
    return tip + " ".join(map(_at, curve))


def _towards(start: Point, end: Point, distance: float) -> Point:
    """The point at a distance from `start` on the way to `end`, at most half way."""
    length = abs(end[0] - start[0]) + abs(end[1] - start[1])
    share = min(distance / length, 0.5) if length else 0.0
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


def _at(point: Point) -> str:
    return f"{_n(point[0])},{_n(point[1])}"


def _n(value: float, digits: int = 2) -> str:
    """A number without needless digits."""
    return f"{value:.{digits}f}".rstrip("0").rstrip(".")
