"""Drawing model -> scenes from left to right: the main line is level, what forks stands upright on it.

Steps stand in lines, as words do: where one is full the main line goes on at the left of the next. Skips run in the gutters
below the lines, and from line to line in a channel to the right of all; those within a part run beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import inf, log, sqrt
from typing import NamedTuple

from archdsl.backends.drawing.content.model import ENTRY, Anchor, Body, Group, Item, Lane, Parallel, Step
from archdsl.backends.drawing.places.lanes import draw_lanes, ends
from archdsl.backends.drawing.places.metrics import room
from archdsl.backends.drawing.places.place import GAP, Placer
from archdsl.backends.drawing.places.scene import Dot, Label, Port, Scene
from archdsl.backends.drawing.places.sizes import PAD, SMALL, header_height, header_width

BEND = 9
"""From a part to where lines to it turn."""
LANE, LABELLED = 8, 14
"""Between skips, and where they have names."""
SLIDE = 16 / 9
"""Width to height of what is wrapped."""
WIDTHS = (0.7, 0.85, 1.0, 1.2, 1.45, 1.75, 2.1)
"""Lines that are tried, in shares of the width that a text of that area would have."""
MOST_TRIED = 200
"""With more steps one width is tried."""
LATE = 0.45
"""Behind this share of a line an outline that does not fit begins a new one; before it, its own lines are shorter."""


def place_across(body: Body, dots: Iterator[int]) -> Scene:
    """The scene of a network in lines that make a slide of it."""
    content = _content(body, Placer(body, dots, is_headed=True))
    whole = _placed(content, inf, dots)
    width = whole.left + whole.right
    if width <= SLIDE * whole.height:
        return whole
    even = sqrt(SLIDE * width * whole.height)
    shares = WIDTHS if len(body.steps) <= MOST_TRIED else WIDTHS[2:3]
    scenes = (_placed(content, share * even, dots) for share in shares)
    return min((whole, *scenes), key=lambda s: abs(log((s.left + s.right) / s.height / SLIDE)))


class _Content(NamedTuple):
    """What stands in the lines of a body, however wide these are."""

    pieces: list[_Piece]
    lanes: list[Lane]
    """The skips between pieces."""
    anchors: list[Anchor]
    """Where skips may end."""


class _Piece(NamedTuple):
    """A step, or a split with what reads its parts."""

    step: Step
    inside: Scene | _Outline
    """Its scene, or an outline, whose lines depend on the width."""
    is_upright: bool
    """Whether the main line enters it from above."""


class _Outline:
    """A group, the skips beside it, and its scene all in one line, which does for every line that is as wide."""

    def __init__(self, group: Group, content: _Content) -> None:
        self.group = group
        self.content = content
        self.lanes: list[Lane] = []
        self.whole: Scene | None = None

    def scene(self, most: float, dots: Iterator[int]) -> Scene:
        """The first one is without bounds."""
        pieces = self.content.pieces
        lines = _lines(pieces, most - (2 * PAD + BEND), dots)
        if self.whole is None:
            self.whole = self._around(lines, dots)
            return self.whole
        wholes = [p.inside if isinstance(p.inside, Scene) else p.inside.whole for p in pieces]
        is_whole = len(lines) == 1 and all(p.scene is whole for p, whole in zip(lines[0], wholes, strict=True))
        return self.whole if is_whole else self._around(lines, dots)

    def _around(self, lines: list[list[_Part]], dots: Iterator[int]) -> Scene:
        group, scene = self.group, Scene(PAD)
        scene.entry, scene.exit = scene.put(_Level(lines, self.content.lanes, dots).scene, 0, header_height(group))
        scene.left += PAD
        scene.right = max(scene.right + PAD, header_width(group))
        scene.height += PAD
        scene.group = group
        if not group.body.steps:  # a call that hands on what it is given
            middle, name = scene.height / 2, f"n{group.key}"
            scene.entry, scene.exit = Port(-scene.left, middle, name), Port(scene.right, middle, name)
        if self.lanes:
            draw_lanes(scene, self.lanes, None)
        return scene


def _content(body: Body, placer: Placer) -> _Content:
    """The pieces of a body; what stands in the arms of a fork is placed from top to bottom."""
    leaving: dict[Anchor, list[Lane]] = {}
    for lane in body.lanes:
        leaving.setdefault(lane.source, []).append(lane)
    found = _Content([], leaving.pop(Anchor(ENTRY), []), [])
    for steps in _together(body.steps):
        step, is_stacked = steps[0], len(steps) > 1 or any(steps[0].operands)
        inside: Scene | _Outline
        if isinstance(step.item, Group) and not is_stacked:
            inside = _Outline(step.item, _content(step.item.body, placer))
            anchors = [Anchor(step.item.key), *inside.content.anchors]
        else:
            inside = placer.sequence(steps, False) if is_stacked else placer.item(step.item, False)
            anchors = list(ends(inside))
        held = set(anchors)
        passing = [lane for anchor in anchors for lane in leaving.get(anchor, ())]
        own = [lane for lane in passing if held.issuperset(lane.targets)]
        found.lanes.extend(lane for lane in passing if lane not in own)
        if isinstance(inside, _Outline):
            inside.lanes += own
        elif own:
            draw_lanes(inside, own, None)
        found.pieces.append(_Piece(step, inside, is_stacked or isinstance(step.item, Parallel)))
        found.anchors.extend(anchors)
    return found


def _placed(content: _Content, most: float, dots: Iterator[int]) -> Scene:
    """The scene of a body in lines of at most that width."""
    return _Level(_lines(content.pieces, most, dots), content.lanes, dots).scene


class _Part(NamedTuple):
    """A step in its line."""

    step: Step
    scene: Scene
    x: float
    """Its left side."""
    axis: float
    """Where the main line crosses it, below a line to its top."""
    is_upright: bool
    """Whether the main line enters it from above."""

    @property
    def end(self) -> float:
        return self.x + self.scene.left + self.scene.right

    @property
    def below(self) -> float:
        """What it takes below its axis."""
        return self.scene.height - self.axis + 2 * BEND * self.is_upright


def _lines(pieces: list[_Piece], most: float, dots: Iterator[int]) -> list[list[_Part]]:
    """The pieces in lines of at most that width. An outline early in its line takes what is left of it."""
    lines, x = [list[_Part]()], 0.0
    for step, inside, is_upright in pieces:
        x += BEND * is_upright
        left = most - x if x < LATE * most else most
        scene = inside if isinstance(inside, Scene) else inside.scene(left, dots)
        across = scene.left + scene.right
        if lines[-1] and x + across > most:
            lines.append([])
            x = BEND * float(is_upright)
        lines[-1].append(_Part(step, scene, x, _axis(step.item, scene, is_upright=is_upright), is_upright))
        x += across + GAP + BEND * is_upright
    return lines


class _Run(NamedTuple):
    """A level or upright piece of a skip, between two places."""

    first: float
    last: float
    lane: int


class _Level:
    """Places the lines of a body below each other, with the skips between them."""

    def __init__(self, lines: list[list[_Part]], lanes: list[Lane], dots: Iterator[int]) -> None:
        self.lines = lines
        self.scene = Scene()
        self.before: Port | None = None
        """Where the main line has come to."""
        self.lanes = lanes
        self.room = LABELLED if any(lane.text for lane in lanes) else LANE
        self.start: Port | None = None
        """Where skips begin that leave what enters the body."""
        self.right = max((p.end for line in lines for p in line), default=0.0) + BEND
        places = _places(lines) if lanes else {}
        self.gutters, self.channel = self._slots(places)
        self.floors: list[float] = []
        """The lower ends of the lines."""
        for number, line in enumerate(lines):
            self._line(line, number, dots)
        self.scene.exit = self.before
        found = ends(self.scene) if lanes else {}
        if self.start is not None:
            found[Anchor(ENTRY)] = self.start
        for index, lane in enumerate(lanes):
            self._lane(index, lane, places, found)

    def _slots(self, places: dict[Anchor, tuple[int, float]]) -> tuple[list[dict[int, int]], dict[int, int]]:
        """Which place each skip has in the gutters, by line, and in the channel."""
        gutters: list[list[_Run]] = [[] for _ in self.lines]
        channel: list[_Run] = []
        for index, lane in enumerate(self.lanes):
            stops = [places[lane.source], *(places[t] for t in lane.targets)]
            rows = {row for row, _ in stops}
            for row in rows:
                xs = [x for at, x in stops if at == row] + [self.right] * (len(rows) > 1)
                gutters[row].append(_Run(min(xs), max(xs), index))
            if len(rows) > 1:
                channel.append(_Run(min(rows), max(rows), index))
        return [_packed(runs) for runs in gutters], _packed(channel)

    def _line(self, line: list[_Part], number: int, dots: Iterator[int]) -> None:
        scene = self.scene
        bottom = scene.height
        top = bottom + 2 * GAP if number else 0.0
        axis = top + max((p.axis for p in line), default=0)
        if not number and any(lane.source.key == ENTRY for lane in self.lanes):
            self.start = scene.entry = self.before = Port(-BEND, axis, f"fork{next(dots)}", is_dot=True)
            scene.shapes.append(Dot(self.start.name, -BEND, axis))
            scene.left = max(scene.left, BEND)
        for part in line:
            is_first = number > 0 and part is line[0]
            self._part(part, axis, bottom if is_first else None)
        floor = axis + max((p.below for p in line), default=0)
        self.floors.append(floor)
        scene.height = max(scene.height, floor + self.room * (1 + max(self.gutters[number].values(), default=-1)))

    def _part(self, part: _Part, axis: float, below: float | None) -> None:
        """Places a part and the main line to it; `below` is where the line before ends, of the first in a line."""
        scene, top, follows = self.scene, axis - part.axis, part.step.follows
        entry, exit = self._put(part, top)
        if part.is_upright and entry is not None and self.before is None and follows:
            self.before = scene.entry = Port(part.x - BEND, axis, entry.name, is_dot=True)
        if follows and entry is not None and self.before is not None:
            self._connect(self.before, entry, part.x - BEND, top if part.is_upright else None, below)
        elif follows:
            scene.entry = entry
        if part.is_upright and exit is not None:
            exit = self._lead_out(exit, part.end + BEND, axis, axis - part.axis + part.scene.height + 2 * BEND)
        self.before = exit

    def _put(self, part: _Part, top: float) -> tuple[Port | None, Port | None]:
        """Places a part; the main line enters at its left side and leaves at its right, of what is upright above and below."""
        entry, exit = self.scene.put(part.scene, part.x + part.scene.left, top + BEND * part.is_upright)
        if part.is_upright or isinstance(part.step.item, Group):
            return entry, exit
        axis, right = top + part.scene.height / 2, part.x + 2 * part.scene.left
        return entry and entry._replace(x=part.x, y=axis), exit and exit._replace(x=right, y=axis)

    def _connect(self, source: Port, target: Port, turn: float, above: float | None, below: float | None) -> None:
        """A line to the left side of a part, or over it into its top."""
        way = [source.point]
        if below is not None:
            out = max(source.x, self.right - BEND if self.channel else source.x) + BEND
            way += [(out, source.y), (out, below + GAP), (turn, below + GAP)]
            self.scene.left = max(self.scene.left, -turn)
            self.scene.right = max(self.scene.right, out)
        else:
            way.append((turn, source.y))
        way += [(turn, target.y)] if above is None else [(turn, above), (target.x, above)]
        self.scene.line([*way, target.point], source, target)

    def _lead_out(self, exit: Port, x: float, axis: float, below: float) -> Port:
        """A line from the bottom of an upright part up to the main line, beside the part; where it arrives."""
        end = Port(x, axis, exit.name, is_dot=True)
        self.scene.line([exit.point, (exit.x, below), (x, below), end.point], exit, end)
        return end

    def _lane(self, index: int, lane: Lane, places: dict[Anchor, tuple[int, float]], found: dict[Anchor, Port]) -> None:
        """A skip in the gutter of its line; to other lines by the channel."""
        source, (row, x) = found[lane.source], places[lane.source]
        start = [source.point, (x, source.y), (x, self._gutter(row, index))]
        side = self.right + self.room * (1 + self.channel.get(index, -1))
        for anchor in lane.targets:
            target, (at, into) = found[anchor], places[anchor]
            y = self._gutter(at, index)
            between = [(side, self._gutter(row, index)), (side, y)] if at != row else []
            way = [*start, *between, (into, y), (into, target.y), target.point]
            self.scene.line(way, source, target, is_skip=True)
            self.scene.right = max(self.scene.right, side if between else into)
        if lane.text:
            label = Label(lane.text, x + 4, self._gutter(row, index) - 13, room(lane.text, SMALL) + 4)
            self.scene.shapes.append(label)
            self.scene.right = max(self.scene.right, label.left + label.width)

    def _gutter(self, row: int, index: int) -> float:
        return self.floors[row] + self.room * (1 + self.gutters[row][index])


def _together(steps: tuple[Step, ...]) -> Iterator[tuple[Step, ...]]:
    """Each step by itself, a split with what reads its parts."""
    start = 0
    for end in range(1, len(steps) + 1):
        after = steps[end] if end < len(steps) else None
        if after is not None and isinstance(after.item, Parallel) and after.item.is_split and after.follows:
            continue
        if after is None or after.result is None:
            yield steps[start:end]
            start = end


def _axis(item: Item, part: Scene, *, is_upright: bool) -> float:
    if is_upright:
        return part.height / 2 + BEND
    if isinstance(item, Group) and part.entry is not None:
        return part.entry.y
    return part.height / 2


def _places(lines: list[list[_Part]]) -> dict[Anchor, tuple[int, float]]:
    """For each end of skips its line, and where the skip turns beside it."""
    found = {Anchor(ENTRY): (0, -float(BEND))}
    for number, line in enumerate(lines):
        for part in line:
            at = part.x + part.scene.left + BEND
            found |= {anchor: (number, port.x + at) for anchor, port in ends(part.scene).items()}
    return found


def _packed(runs: Iterable[_Run]) -> dict[int, int]:
    """The place of each skip, so that none lie on each other: short ones first."""
    taken: list[list[_Run]] = []
    slots: dict[int, int] = {}
    for run in sorted(runs, key=lambda r: (r.last - r.first, r.first)):
        fits = (i for i, others in enumerate(taken) if all(o.last < run.first or run.last < o.first for o in others))
        slot = next(fits, len(taken))
        if slot == len(taken):
            taken.append([])
        taken[slot].append(run)
        slots[run.lane] = slot
    return slots
