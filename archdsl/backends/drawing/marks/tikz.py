"""Marks -> TikZ, for papers that set pictures in LaTeX: `\\input` it; sizes are the picture's own, in Helvetica."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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
    decimal,
)
from archdsl.backends.drawing.marks.palette import Palette, palette
from archdsl.source.latex import latex

ANCHORS = {"start": "base west", "middle": "base", "end": "base east"}
LEADING = 1.2


def write_tikz(picture: Picture, theme: Theme = "auto") -> str:
    """The picture as a `tikzpicture`. Equal input gives equal text.

    Needs `\\usepackage{tikz}`, `\\usepackage[T1]{fontenc}` and `\\usepackage{textcomp}`; `auto` is light.
    """
    colours = palette(theme)
    commands = tuple(_commands(picture.marks))
    used = sorted({token for _, tokens in commands for token in tokens})
    lines = [
        *(rf"\definecolor{{archdsl-{token}}}{{HTML}}{{{_hex(colours, token)}}}" for token in used),
        r"\begin{tikzpicture}[x=1bp, y=-1bp, every node/.style={inner sep=0pt, font=\fontfamily{phv}\selectfont}]",
        rf"  \useasboundingbox (0,0) rectangle {_at((picture.width, picture.height))};",
        *(f"  {command}" for command, _ in commands),
        r"\end{tikzpicture}",
    ]
    return "\n".join(lines) + "\n"


def _commands(marks: Iterable[Mark]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each command with the colours that it names."""
    for mark in marks:
        if isinstance(mark, Part):
            yield from _commands(mark.marks)
        elif isinstance(mark, Text):
            if text := clean(mark.text).strip():
                yield _text(mark, text), (mark.fill,)
        elif isinstance(mark, Rectangle):
            end = (mark.left + mark.width, mark.top + mark.height)
            rounded = (f"rounded corners={decimal(mark.radius)}bp",) if mark.radius else ()
            yield _path(mark.paint, f"{_at((mark.left, mark.top))} rectangle {_at(end)}", *rounded)
        elif isinstance(mark, Polygon):
            yield _path(mark.paint, " -- ".join(map(_at, mark.points)) + " -- cycle")
        else:
            yield _path(mark.paint, " -- ".join(map(_at, mark.points)), f"rounded corners={CORNER}bp")


def _path(paint: Paint, points: str, *options: str) -> tuple[str, tuple[str, ...]]:
    given = [f"fill=archdsl-{paint.fill}"] if paint.fill else []
    given += [f"draw=archdsl-{paint.stroke}", f"line width={decimal(paint.width)}bp"] if paint.stroke else []
    return rf"\path[{', '.join((*given, *options))}] {points};", tuple(filter(None, (paint.fill, paint.stroke)))


def _text(mark: Text, text: str) -> str:
    """Set in the size that was measured for it, in Helvetica, whose widths are Arial's."""
    size = rf"\fontsize{{{mark.size}bp}}{{{decimal(mark.size * LEADING)}bp}}\selectfont{{}}"
    bold = r"\bfseries{}" if mark.is_bold else ""
    options = f"anchor={ANCHORS[mark.anchor]}, text=archdsl-{mark.fill}"
    return rf"\node[{options}] at {_at((mark.x, mark.y))} {{{size}{bold}{latex(text)}}};"


def _hex(colours: Palette, token: str) -> str:
    return colours[token].removeprefix("#").upper()


def _at(point: Point) -> str:
    return f"({decimal(point[0])},{decimal(point[1])})"
