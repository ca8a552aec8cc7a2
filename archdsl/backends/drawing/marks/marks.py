"""What a picture is made of when all is decided: shapes and texts at places, their colours named by token.

Lengths are points, y grows downwards, and what comes later lies on top.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Point = tuple[float, float]
Anchor = Literal["start", "middle", "end"]

CORNER = 4
"""Radius of the corners of wires."""


class Paint(NamedTuple):
    """Tokens of the palette; an empty one paints nothing."""

    fill: str = ""
    stroke: str = ""
    width: float = 1


class Rectangle(NamedTuple):
    left: float
    top: float
    width: float
    height: float
    paint: Paint
    radius: float = 0


class Polygon(NamedTuple):
    points: tuple[Point, ...]
    paint: Paint


class Wire(NamedTuple):
    """A line through points, its corners rounded."""

    points: tuple[Point, ...]
    paint: Paint
    is_skip: bool = False


class Text(NamedTuple):
    """One line of text; `y` is its baseline, `x` its start, middle or end."""

    x: float
    y: float
    text: str
    size: int
    fill: str
    is_bold: bool = False
    anchor: Anchor = "start"


class Part(NamedTuple):
    """Marks that belong together: a layer, by its path."""

    path: str
    tooltip: str
    marks: tuple[Mark, ...]


Mark = Rectangle | Polygon | Wire | Text | Part


class Picture(NamedTuple):
    """A whole page of marks."""

    width: float
    height: float
    title: str
    description: str
    marks: tuple[Mark, ...]


def decimal(number: float) -> str:
    """A length as formats write it: at most two decimals and no needless ones."""
    text = f"{number:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
