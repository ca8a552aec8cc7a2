"""Marks -> DOT with them as its background, for Graphviz to make PNG and PDF of: it places and measures nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from archdsl.backends.drawing.content.words import clean
from archdsl.backends.drawing.look import Theme
from archdsl.backends.drawing.marks.marks import Mark, Paint, Part, Picture, Point, Polygon, Rectangle, Text
from archdsl.backends.drawing.marks.palette import Palette, palette

BEND = 0.45
"""How far from a corner the Bézier curve that rounds it is held, as a share of its radius."""
JUSTIFIED = {"start": -1, "middle": 0, "end": 1}


def to_background(picture: Picture, theme: Theme) -> str:
    """DOT whose drawing is the picture; transparent pages become white, as paper is."""
    colours = palette("light" if theme == "auto" else theme)
    drawing = " + ".join(f'"{command} "' for command in _Writer(picture, colours).commands(picture.marks))
    across, down = f"{picture.width:.2f}", f"{picture.height:.2f}"
    place = f'pos="{picture.width / 2:.2f},{picture.height / 2:.2f}"'
    size = f'width="{picture.width / 72:.4f}" height="{picture.height / 72:.4f}" fixedsize="true"'
    return (
        f'digraph picture {{\ngraph [layout="nop2" pad="0" bb="0,0,{across},{down}" bgcolor="{colours["paper"]}"'
        f' _background={drawing}]\npage [shape="none" style="invis" label="" {place} {size}];\n}}\n'
    )


class _Writer:
    """Writes the commands of xdot, in which y grows upwards and texts say how many bytes they have."""

    def __init__(self, picture: Picture, colours: Palette) -> None:
        self.height = picture.height
        self.colours = colours

    def commands(self, marks: Iterable[Mark]) -> Iterator[str]:
        for mark in marks:
            if isinstance(mark, Part):
                yield from self.commands(mark.marks)
            elif isinstance(mark, Text):
                yield from self._text(mark)
            elif isinstance(mark, Rectangle):
                yield from self._rectangle(mark)
            elif isinstance(mark, Polygon):
                yield from self._shape(mark.paint, "P", "p", mark.points)
            else:
                yield from self._shape(mark.paint, "", "L", mark.points)

    def _rectangle(self, mark: Rectangle) -> Iterator[str]:
        left, top, right, bottom = mark.left, mark.top, mark.left + mark.width, mark.top + mark.height
        if not mark.radius:
            corners = ((left, top), (right, top), (right, bottom), (left, bottom))
            yield from self._shape(mark.paint, "P", "p", corners)
            return
        r, held = mark.radius, mark.radius * BEND
        turns = ((left, top, 1, 1), (right, top, -1, 1), (right, bottom, -1, -1), (left, bottom, 1, -1))
        curve: list[Point] = [(left, top + r)]
        for index, (x, y, dx, dy) in enumerate(turns):
            upright, level = ((x, y + r * dy), (x, y + held * dy)), ((x + r * dx, y), (x + held * dx, y))
            (start, first), (end, last) = (upright, level) if index % 2 == 0 else (level, upright)
            curve += [curve[-1], start, start, first, last, end]
        curve += [curve[-1], curve[0], curve[0]]
        yield from self._shape(mark.paint, "b", "B", tuple(curve))

    def _shape(self, paint: Paint, filled: str, drawn: str, points: tuple[Point, ...]) -> Iterator[str]:
        places = " ".join(f"{x:.2f} {self.height - y:.2f}" for x, y in points)
        if paint.fill:
            yield f"{self._colour('C', paint.fill)} {self._colour('c', paint.fill)} {_style(0)}"
            yield f"{filled} {len(points)} {places}"
        if paint.stroke:
            yield f"{self._colour('c', paint.stroke)} {_style(paint.width)} {drawn} {len(points)} {places}"

    def _text(self, mark: Text) -> Iterator[str]:
        """A text; a backslash would be at odds with the quotes of DOT, so its likeness is drawn."""
        text = clean(mark.text).replace("\\", "\N{SET MINUS}")
        size = len(text.encode())
        quoted = text.replace('"', '\\"')
        if text.strip():
            place = f"{mark.x:.2f} {self.height - mark.y:.2f} {JUSTIFIED[mark.anchor]} 0"
            yield f"{self._colour('c', mark.fill)} F {mark.size} 5 -Arial t {int(mark.is_bold)} T {place} {size} -{quoted}"

    def _colour(self, command: str, token: str) -> str:
        return f"{command} 7 -{self.colours[token]}"


def _style(width: float) -> str:
    style = f"setlinewidth({width:g})"
    return f"S {len(style)} -{style}"
