"""Skips along the right side of a body, around what stands in their way, and where they may end."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from archdsl.backends.drawing.content.model import ENTRY, Anchor, Bar, Card, Lane, Merge
from archdsl.backends.drawing.places.metrics import room
from archdsl.backends.drawing.places.scene import Box, Label, Outline, Point, Port, Scene, Shape, shapes_of
from archdsl.backends.drawing.places.sizes import BAR_CAPTION, ROW, SMALL, bar_centres, part_widths

LANE = 8
"""Between lanes."""
NEAR, STEP, FEW, MOST_PARTS = 3.5, 2.5, 3, 8
"""Between a bar and lines to its parts, between these, how many there is always room for, and how many there may be."""
FAR = 14
"""Between a bar and lines to its parts where they are more than a few: above those that come from arms."""
CLEAR, APART, LINES = 5, 3, 3
"""Between a line and what it leads around, between such lines, and how many of these there may be."""
BESIDE = 4
"""A skip leaves a pill so far below where what it joins arrives."""
MOST_CHECKS = 200_000
"""Lanes times boxes; with more, lines lead straight to the side."""


def draw_lanes(scene: Scene, lanes: Sequence[Lane], top: Port | None, roomy: Collection[int] = ()) -> None:
    """Skips along the right side of a body, those that are short next to it. Bars with these keys stand in `more_room`."""
    shapes = shapes_of(scene)
    boxes = list(_boxes(shapes))
    found = _ends(shapes)
    if top is not None:
        found[Anchor(ENTRY)] = top
    drawn = sorted(lanes, key=lambda lane: (_span(lane, found), found[lane.source].y))
    starts = found | _parts(boxes, [lane.source for lane in lanes], (), is_split=True)
    stops = found | _parts(boxes, [target for lane in lanes for target in lane.targets], roomy, is_split=False)
    around = _Around(boxes, len(drawn))
    slots: list[list[tuple[float, float]]] = []
    side = scene.right + LANE
    for lane in drawn:
        source = starts[lane.source].moved(0, BESIDE * (lane.source in around.pills))
        first, last = _reach(lane, found)
        slot = next((i for i, taken in enumerate(slots) if all(b < first or last < a for a, b in taken)), len(slots))
        if slot == len(slots):
            slots.append([])
        slots[slot].append((first, last))
        x = side + LANE * slot
        out = around.way(source, x)
        for target in (stops[t] for t in lane.targets):
            points = [source.foot, *out, *reversed(around.way(target, x)), target.foot]
            scene.line(points, source, target, is_skip=True)
    scene.right = side + LANE * max(len(slots) - 1, 0)
    names: dict[float, str] = {}
    for lane in sorted(drawn, key=lambda lane: lane.source):
        y = found[lane.source].y
        names[y] = ", ".join(filter(None, (names.get(y), lane.text)))
    across = max((room(text, SMALL) for text in names.values()), default=-4) + 4
    scene.shapes.extend(Label(text, scene.right + 4, y - 7, across) for y, text in names.items() if text)
    scene.right += across


def more_room(lanes: Sequence[Lane]) -> dict[int, float]:
    """What bars need above them for lanes to their parts, beyond the room that there is for a few, by their keys."""
    parts: dict[int, set[int]] = {}
    for target in (target for lane in lanes for target in lane.targets):
        parts.setdefault(target.key, set()).add(target.row)
    return {
        key: FAR - 2 * NEAR + STEP * (len(rows) - FEW) for key, rows in parts.items() if FEW < len(rows) <= MOST_PARTS
    }


def _parts(boxes: list[Box], used: Sequence[Anchor], roomy: Collection[int], *, is_split: bool) -> dict[Anchor, Port]:
    """The ends of lanes at parts of bars, at levels of their own: that of the right one next to the bar, so that none cross."""
    found: dict[Anchor, Port] = {}
    for box in boxes:
        bar = box.item
        if not isinstance(bar, Bar) or bar.is_split != is_split:
            continue
        parts = sorted({anchor.row for anchor in used if anchor.key == bar.key})
        if len(parts) > FEW and bar.key not in roomy:
            continue
        sign, edge = (1, box.top + box.height) if bar.is_split else (-1, box.top)
        for level, part in enumerate(reversed(parts)):
            near = NEAR if len(parts) <= FEW else FAR
            x, away = box.left + box.width / 2 + bar_centres(bar)[part], sign * (near + STEP * level)
            found[Anchor(bar.key, part)] = Port(x, edge + away, box.name, reach=-away)
    return found


class _Block(NamedTuple):
    """What a line may not cross."""

    name: str
    left: float
    top: float
    right: float
    bottom: float


class _Around:
    """Ways from ends of skips to the right side of a body."""

    def __init__(self, boxes: list[Box], lanes: int) -> None:
        blocks = [_Block(b.name, b.left, b.top, b.left + b.width, b.top + b.height) for b in boxes]
        self.blocks = blocks if lanes * len(blocks) <= MOST_CHECKS else []
        self.pills = {Anchor(box.item.key) for box in boxes if isinstance(box.item, Merge)}
        self.taken: list[tuple[Port, float, float]] = []
        """The ends that are led around something, with where their lines turn and the level that they take."""

    def way(self, port: Port, side: float) -> list[Point]:
        """Straight to the side, or where something stands in between up or down to the next free level."""
        straight = [port.point, (side, port.y)]
        if not self._crossed(port, port.x, side, port.y):
            return straight
        for turn, y in sorted(self._levels(port.x, side), key=lambda found: (abs(found[1] - port.y), found[0])):
            low, high = sorted((port.y, y))
            is_free = not any(b.left <= turn <= b.right and b.top < high and b.bottom > low for b in self.blocks)
            if is_free and not self._crossed(port, turn, side, y) and not self._met(port, turn, y):
                self.taken.append((port, turn, y))
                return [port.point, (turn, port.y), (turn, y), (side, y)]
        return straight

    def _levels(self, left: float, side: float) -> Iterator[Point]:
        """Where lines may turn, and the levels just above and below what stands to the right."""
        for block in self.blocks:
            for line in range(LINES) if left < block.left < side else ():
                yield left + CLEAR + APART * line, block.top - CLEAR - APART * line
                yield left + CLEAR + APART * line, block.bottom + CLEAR + APART * line

    def _met(self, port: Port, turn: float, y: float) -> bool:
        """Whether the line of another end lies here."""
        others = [(turns, level) for other, turns, level in self.taken if other != port]
        return any(abs(level - y) < APART or abs(turns - turn) < APART for turns, level in others)

    def _crossed(self, port: Port, left: float, right: float, y: float) -> bool:
        return any(
            b.name != port.name and b.left < right and b.right > left and b.top <= y <= b.bottom for b in self.blocks
        )


def _boxes(shapes: Sequence[Shape]) -> Iterator[Box]:
    for shape in shapes:
        if isinstance(shape, Outline):
            yield from _boxes(shape.inside)
        elif isinstance(shape, Box):
            yield shape


def _reach(lane: Lane, ends: dict[Anchor, Port]) -> tuple[float, float]:
    ys = [ends[lane.source].y, *(ends[t].y for t in lane.targets)]
    return min(ys), max(ys)


def _span(lane: Lane, ends: dict[Anchor, Port]) -> float:
    first, last = _reach(lane, ends)
    return last - first


def ends(scene: Scene) -> dict[Anchor, Port]:
    """Where lanes may end: the right side of every row, pill, bar and outline."""
    return _ends(shapes_of(scene))


def _ends(shapes: list[Shape]) -> dict[Anchor, Port]:
    return {anchor: port for shape in shapes for anchor, port in _ends_of(shape)}


def _ends_of(shape: Shape) -> Iterator[tuple[Anchor, Port]]:
    if isinstance(shape, Outline):
        right, middle = shape.left + shape.width, shape.top + shape.height / 2
        yield Anchor(shape.group.key), Port(right, middle, f"n{shape.group.key}")
        for inside in shape.inside:
            yield from _ends_of(inside)
    elif isinstance(shape, Box):
        right, item = shape.left + shape.width, shape.item
        if isinstance(item, Bar):
            right -= (shape.width - sum(part_widths(item))) / 2
            for part in range(len(item.parts)):
                yield Anchor(item.key, part), Port(right, shape.top + ROW / 2 + BAR_CAPTION * item.is_split, shape.name)
            return
        if not isinstance(item, Card):
            yield Anchor(item.key), Port(right, shape.top + shape.height / 2, shape.name)
            return
        first = shape.top + 1 + ROW * (0.5 + bool(item.heading or shape.is_headed))
        for row in range(len(item.rows)):
            yield Anchor(item.key, row), Port(right, first + ROW * row, shape.name)
