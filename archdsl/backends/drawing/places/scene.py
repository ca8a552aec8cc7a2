"""Shapes in their places, before they know where on the page: scenes about a main line, nested like the drawing.

All lengths are points, y grows downwards. In a scene x = 0 is its main line and y = 0 its top.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from archdsl.backends.drawing.content.model import Bar, Card, Group, Merge, Stairs, Terminal, Volume
from archdsl.backends.drawing.places.sizes import Columns

Point = tuple[float, float]


class Box(NamedTuple):
    """A card, terminal, merge or bar; `left` and `top` are its corner."""

    name: str
    item: Card | Terminal | Merge | Bar | Stairs
    left: float
    top: float
    width: float
    height: float
    columns: Columns | None = None
    is_headed: bool = False
    """Whether it is the card that says what the columns are."""


class Dot(NamedTuple):
    """A fork."""

    name: str
    left: float
    top: float


class Label(NamedTuple):
    """Words beside a skip."""

    text: str
    left: float
    top: float
    width: float


class Solid(NamedTuple):
    """A volume: its front face, and how far its back lies to the right and up."""

    volume: Volume
    left: float
    top: float
    width: float
    height: float
    depth: Point


class Caption(NamedTuple):
    """Two lines of words, in the middle below what they name."""

    text: str
    output: str
    left: float
    top: float


class Outline(NamedTuple):
    """A group with all that stands in it."""

    group: Group
    left: float
    top: float
    width: float
    height: float
    inside: list[Shape]


Shape = Box | Dot | Label | Outline | Solid | Caption


class Line(NamedTuple):
    """A line through points, from one named shape to another."""

    points: tuple[Point, ...]
    tail: str
    head: str
    is_skip: bool
    has_arrow: bool


class Port(NamedTuple):
    """Where a line may begin or end, and at which shape."""

    x: float
    y: float
    name: str
    is_dot: bool = False
    reach: float = 0
    """How far below the place where a line turns to it it lies."""

    @property
    def point(self) -> Point:
        return self.x, self.y

    @property
    def foot(self) -> Point:
        return self.x, self.y + self.reach

    def moved(self, dx: float, dy: float) -> Port:
        return self._replace(x=self.x + dx, y=self.y + dy)


class Head(NamedTuple):
    """Where a line from one result of a split goes, and the item that it leads to."""

    result: int
    way: tuple[Point, ...]
    target: Port

    def moved(self, dx: float, dy: float) -> Head:
        return Head(self.result, tuple((x + dx, y + dy) for x, y in self.way), self.target.moved(dx, dy))


class Scene:
    """Shapes and lines, and scenes within; `left` and `right` are what it takes on either side of its main line."""

    def __init__(self, left: float = 0, right: float = 0, height: float = 0) -> None:
        self.left = left
        self.right = right
        self.height = height
        self.entry: Port | None = None
        self.exit: Port | None = None
        self.heads: list[Head] = []
        self.shapes: list[Box | Dot | Label | Solid | Caption] = []
        self.lines: list[Line] = []
        self.parts: list[tuple[float, float, Scene]] = []
        self.group: Group | None = None
        """Whose outline is drawn around it."""

    def put(self, part: Scene, dx: float, dy: float) -> tuple[Port | None, Port | None]:
        """Places a scene within this one, which grows around it; where its main line enters and leaves."""
        self.parts.append((dx, dy, part))
        self.left = max(self.left, part.left - dx)
        self.right = max(self.right, part.right + dx)
        self.height = max(self.height, dy + part.height)
        return part.entry and part.entry.moved(dx, dy), part.exit and part.exit.moved(dx, dy)

    def connect(self, source: Port | None, target: Port | None) -> None:
        """A line on the main line: straight, or with a step half way."""
        if source is None or target is None:
            return
        bend = (source.y + target.y) / 2
        self.line([source.point, (source.x, bend), (target.x, bend), target.point], source, target)

    def line(self, points: list[Point], source: Port, target: Port, *, is_skip: bool = False) -> None:
        self.lines.append(Line(_straight(points), source.name, target.name, is_skip, not target.is_dot))


def _straight(points: list[Point]) -> tuple[Point, ...]:
    """Points without those on the way from their neighbours to each other."""
    kept: list[Point] = []
    for point in points:
        if kept and _along(kept[-1], point) == (True, True):
            continue
        if len(kept) > 1 and any(
            a and b for a, b in zip(_along(kept[-2], kept[-1]), _along(kept[-1], point), strict=True)
        ):
            kept.pop()
        kept.append(point)
    return tuple(kept)


def _along(a: Point, b: Point) -> tuple[bool, bool]:
    """Whether two points share their x, and their y."""
    return abs(a[0] - b[0]) < 0.01, abs(a[1] - b[1]) < 0.01


def shapes_of(scene: Scene, dx: float = 0, dy: float = 0) -> list[Shape]:
    """The shapes of a scene with its origin at (dx, dy)."""
    shapes: list[Shape] = [s._replace(left=s.left + dx, top=s.top + dy) for s in scene.shapes]
    for px, py, part in scene.parts:
        shapes += shapes_of(part, dx + px, dy + py)
    if scene.group is not None:
        return [Outline(scene.group, dx - scene.left, dy, scene.left + scene.right, scene.height, shapes)]
    return shapes


def lines_of(scene: Scene, dx: float = 0, dy: float = 0) -> Iterator[Line]:
    """The lines of a scene with its origin at (dx, dy)."""
    for line in scene.lines:
        yield line._replace(points=tuple((x + dx, y + dy) for x, y in line.points))
    for px, py, part in scene.parts:
        yield from lines_of(part, dx + px, dy + py)
