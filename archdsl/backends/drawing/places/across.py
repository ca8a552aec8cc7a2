"""Drawing model -> scenes from left to right: the main line is level, what forks stands upright on it."""

from __future__ import annotations

from math import sqrt

from archdsl.backends.drawing.content.model import ENTRY, Anchor, Body, Group, Item, Lane, Parallel
from archdsl.backends.drawing.places.place import GAP, Placer, ends
from archdsl.backends.drawing.places.scene import Port, Scene
from archdsl.backends.drawing.places.sizes import PAD, header_height, header_width

BEND = 9
"""From a part to where lines to it turn."""
LANE = 8
SLIDE = 16 / 9
"""Width to height of what is wrapped."""


class AcrossPlacer(Placer):
    """Places bodies from left to right; what stands in the arms of a fork, from top to bottom."""

    _arms = 0

    _is_outermost = True

    def body(self, body: Body, is_compact: bool = False) -> Scene:
        if self._arms:
            return super().body(body, is_compact)
        wraps, self._is_outermost = self._is_outermost and not body.lanes, False
        scene = self._level(body, wraps=wraps)
        if body.lanes:
            _draw_lanes(scene, body.lanes)
        return scene

    def group(self, group: Group, is_compact: bool = False) -> Scene:
        if self._arms:
            return super().group(group, is_compact)
        scene = Scene(PAD)
        scene.entry, scene.exit = scene.put(self.body(group.body), 0, header_height(group))
        scene.left += PAD
        scene.right = max(scene.right + PAD, header_width(group))
        scene.height += PAD
        scene.group = group
        if not group.body.steps:  # a call that hands on what it is given
            middle, name = scene.height / 2, f"n{group.key}"
            scene.entry, scene.exit = Port(-scene.left, middle, name), Port(scene.right, middle, name)
        return scene

    def item(self, item: Item, is_compact: bool) -> Scene:
        self._arms += isinstance(item, Parallel)
        scene = super().item(item, is_compact)
        self._arms -= isinstance(item, Parallel)
        return scene

    def _level(self, body: Body, *, wraps: bool) -> Scene:
        """The items of a body from left to right, in as many lines as make a slide of them."""
        parts = [self.item(step.item, False) for step in body.steps]
        scene = Scene()
        before: Port | None = None
        top, first = 0.0, 0
        for line in _lines(parts, wraps=wraps):
            steps = body.steps[first : first + len(line)]
            axes = [_axis(step.item, part) for step, part in zip(steps, line, strict=True)]
            x, axis, below = 0.0, top + max(axes, default=0), scene.height
            for step, part, own in zip(steps, line, axes, strict=True):
                is_upright = isinstance(step.item, Parallel)
                x += BEND * is_upright
                entry, exit = self._put(scene, step.item, part, x, axis - own)
                if is_upright and entry is not None and before is None and step.follows:
                    before = scene.entry = Port(x - BEND, axis, entry.name, is_dot=True)
                if step.follows and entry is not None and before is not None:
                    above = axis - own if is_upright else None
                    _connect(scene, before, entry, x - BEND, above, below if first and part is line[0] else None)
                elif step.follows:
                    scene.entry = entry
                x += part.left + part.right
                if is_upright and exit is not None:
                    exit = _lead_out(scene, exit, x + BEND, axis)
                before = exit
                x += GAP + BEND * is_upright
            first += len(line)
            top = scene.height + 2 * GAP
        scene.exit = before
        return scene

    def _put(self, scene: Scene, item: Item, part: Scene, x: float, top: float) -> tuple[Port | None, Port | None]:
        """Places a part; the main line enters at its left side and leaves at its right, of what is upright above and below."""
        is_upright = isinstance(item, Parallel)
        entry, exit = scene.put(part, x + part.left, top + BEND * is_upright)
        if is_upright or isinstance(item, Group):
            return entry, exit
        axis, right = top + part.height / 2, x + part.left + part.right
        return entry and entry._replace(x=x, y=axis), exit and exit._replace(x=right, y=axis)


def _lines(parts: list[Scene], *, wraps: bool) -> list[list[Scene]]:
    """The parts by lines: of one, or so that all together are about as wide as a slide."""
    widths = [part.left + part.right + GAP for part in parts]
    height = max((part.height for part in parts), default=0) + 2 * GAP
    most = 1.2 * sqrt(SLIDE * sum(widths) * height) if wraps else sum(widths)
    lines: list[list[Scene]] = [[]]
    used = 0.0
    for part, width in zip(parts, widths, strict=True):
        if lines[-1] and used + width > max(most, max(widths)) + 0.5:
            lines.append([])
            used = 0.0
        lines[-1].append(part)
        used += width
    return lines


def _axis(item: Item, part: Scene) -> float:
    """Where the main line crosses a part, which stands below a line to its top."""
    if isinstance(item, Parallel):
        return part.height / 2 + BEND
    if isinstance(item, Group) and part.entry is not None:
        return part.entry.y
    return part.height / 2


def _connect(scene: Scene, source: Port, target: Port, turn: float, above: float | None, below: float | None) -> None:
    """A line to the left side of a part or over it into its top; `below` is where the line of parts before ends."""
    way = [source.point]
    if below is not None:
        way += [(source.x + BEND, source.y), (source.x + BEND, below + GAP), (turn, below + GAP)]
        scene.left = max(scene.left, -turn)
    else:
        way.append((turn, source.y))
    way += [(turn, target.y)] if above is None else [(turn, above), (target.x, above)]
    scene.line([*way, target.point], source, target)


def _lead_out(scene: Scene, exit: Port, x: float, axis: float) -> Port:
    """A line from the bottom of an upright part up to the main line, beside the part; where it arrives."""
    below = exit.y + BEND
    scene.height = max(scene.height, below)
    end = Port(x, axis, exit.name, is_dot=True)
    scene.line([exit.point, (exit.x, below), (x, below), end.point], exit, end)
    return end


def _draw_lanes(scene: Scene, lanes: tuple[Lane, ...]) -> None:
    """Skips below a body, those that are short next to it."""
    found = ends(scene)
    start = scene.height + LANE
    drawn = [lane for lane in lanes if lane.source.key != ENTRY]
    for number, lane in enumerate(sorted(drawn, key=lambda lane: _span(lane, found))):
        source, y = found[lane.source], start + LANE * number
        for anchor in lane.targets:
            target = found[anchor]
            points = [source.point, (source.x + BEND, source.y), (source.x + BEND, y), (target.x + BEND, y)]
            scene.line([*points, (target.x + BEND, target.y), target.point], source, target, is_skip=True)
        scene.height = max(scene.height, y)


def _span(lane: Lane, found: dict[Anchor, Port]) -> float:
    return max(abs(found[t].x - found[lane.source].x) for t in lane.targets)
