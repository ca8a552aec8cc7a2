"""Marks -> SVG for pages: scalable, with the paths of layers as ids, themes, and texts that can be selected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from archdsl.backends.drawing.content.words import clean
from archdsl.backends.drawing.look import Theme
from archdsl.backends.drawing.marks.marks import (
    CORNER,
    Mark,
    Paint,
    Part,
    Picture,
    Point,
    Polygon,
    Rectangle,
    Text,
    Wire,
    decimal,
)
from archdsl.backends.drawing.marks.palette import DARK, palette
from archdsl.backends.drawing.places.metrics import is_measured, width

FONTS = "Arial, Helvetica, 'Liberation Sans', Arimo, sans-serif"
LONGEST = 500
"""Characters of an id or tooltip."""


def write_svg(picture: Picture, theme: Theme = "auto") -> str:
    """The picture as an SVG document. Equal input gives equal bytes.

    Every text says how wide it is in Arial, so that it fits its cell in whatever font a reader has.
    """
    return _Writer(theme).document(picture)


class _Writer:
    def __init__(self, theme: Theme) -> None:
        self.theme = theme
        self.colours = palette(theme)
        self.painted: dict[tuple[Paint, bool], str] = {}
        """The attributes of each paint, also of skips; there are no more than the palette has."""
        self.ids: set[str] = set()

    def document(self, picture: Picture) -> str:
        marks = picture.marks
        if self.theme != "auto":
            marks = (Rectangle(0, 0, picture.width, picture.height, Paint("paper")), *marks)
        body = "\n".join(self._shown(marks))
        attributes = {
            "xmlns": "http://www.w3.org/2000/svg",
            "class": "archdsl",
            "viewBox": f"0 0 {decimal(picture.width)} {decimal(picture.height)}",
            "width": "100%",
            "style": f"max-width:{picture.width * 4 / 3:.0f}px",
            "role": "img",
            "font-family": FONTS,
        }
        head = _element("title", {}, _text(picture.title)) + _element("desc", {}, _text(picture.description))
        if self.theme == "auto":
            head += _element("style", {}, self._dark_sheet())
        return _element("svg", attributes, f"{head}\n{body}\n") + "\n"

    def _dark_sheet(self) -> str:
        """The rules for readers who prefer dark pages."""
        used = {pair for paint, _ in self.painted for pair in _tokens(paint).items()}
        rules = (f".archdsl .{k[0]}-{token}{{{k}:{DARK[token]}}}" for k, token in sorted(used))
        return f"@media (prefers-color-scheme:dark){{{''.join(rules)}}}"

    def _shown(self, marks: Iterable[Mark]) -> Iterator[str]:
        for mark in marks:
            if isinstance(mark, Part):
                yield self._part(mark)
            elif isinstance(mark, Text):
                if mark.text:
                    yield self._line_of_text(mark)
            elif isinstance(mark, Rectangle):
                yield self._rectangle(mark)
            elif isinstance(mark, Polygon):
                points = " ".join(f"{decimal(x)},{decimal(y)}" for x, y in mark.points)
                yield _element("polygon", {"points": points}, paint=self._paint(mark.paint))
            else:
                yield self._wire(mark)

    def _part(self, part: Part) -> str:
        """A group; its id is the path of the layer, where that stands only once."""
        inner = "".join(self._shown(part.marks))
        path = clean(part.path)[:LONGEST]
        attributes: dict[str, str] = {}
        if path and path not in self.ids:
            self.ids.add(path)
            attributes["id"] = path
        tooltip = _element("title", {}, _text(part.tooltip[:LONGEST])) if part.tooltip else ""
        return _element("g", attributes, tooltip + inner)

    def _rectangle(self, mark: Rectangle) -> str:
        place = {"x": mark.left, "y": mark.top, "width": mark.width, "height": mark.height}
        attributes = {k: decimal(v) for k, v in place.items()}
        if mark.radius:
            attributes["rx"] = decimal(mark.radius)
        return _element("rect", attributes, paint=self._paint(mark.paint))

    def _wire(self, wire: Wire) -> str:
        paint = self._paint(wire.paint, is_skip=wire.is_skip)
        return _element("path", {"d": _rounded(wire.points), "fill": "none"}, paint=paint)

    def _line_of_text(self, text: Text) -> str:
        content = clean(text.text)
        attributes = {"x": decimal(text.x), "y": decimal(text.y), "font-size": str(text.size)}
        if text.is_bold:
            attributes["font-weight"] = "bold"
        if text.anchor != "start":
            attributes["text-anchor"] = text.anchor
        if is_measured(content) and content.strip():
            attributes["textLength"] = decimal(width(content, text.size, text.is_bold))
            attributes["lengthAdjust"] = "spacingAndGlyphs"
        return _element("text", attributes, _text(content), self._paint(Paint(text.fill)))

    def _paint(self, paint: Paint, *, is_skip: bool = False) -> str:
        """Colours, and the classes by which a sheet may change them, as attributes."""
        if (paint, is_skip) not in self.painted:
            tokens = _tokens(paint)
            names = [*(["skip"] if is_skip else []), *(f"{k[0]}-{token}" for k, token in tokens.items())]
            attributes = {"class": " ".join(names)} | {k: self.colours[token].lower() for k, token in tokens.items()}
            if paint.stroke and paint.width != 1:
                attributes["stroke-width"] = decimal(paint.width)
            self.painted[paint, is_skip] = _attributes(attributes)
        return self.painted[paint, is_skip]


def _tokens(paint: Paint) -> dict[str, str]:
    return {k: token for k, token in (("fill", paint.fill), ("stroke", paint.stroke)) if token}


def _rounded(points: tuple[Point, ...]) -> str:
    """The commands of a path with rounded corners."""
    path = [f"M{_at(points[0])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        path.append(f"L{_at(_near(corner, before))}Q{_at(corner)} {_at(_near(corner, after))}")
    return "".join([*path, f"L{_at(points[-1])}"])


def _near(corner: Point, other: Point) -> Point:
    """The point next to a corner on the way to another one, at most half way."""
    length = abs(other[0] - corner[0]) + abs(other[1] - corner[1])
    share = min(CORNER / length, 0.5) if length else 0.0
    return corner[0] + (other[0] - corner[0]) * share, corner[1] + (other[1] - corner[1]) * share


def _at(point: Point) -> str:
    return f"{decimal(point[0])} {decimal(point[1])}"


def _text(text: str) -> str:
    return escape(clean(text), quote=False)


def _element(name: str, attributes: dict[str, str], inner: str = "", paint: str = "") -> str:
    given = _attributes(attributes) + paint
    return f"<{name}{given}>{inner}</{name}>" if inner else f"<{name}{given}/>"


def _attributes(attributes: dict[str, str]) -> str:
    return "".join([f' {key}="{escape(value)}"' for key, value in attributes.items()])
