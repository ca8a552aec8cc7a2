"""Drawing model -> scenes: runs stacked on a straight main line, arms side by side, skips beside them.

Places are computed here and not by Graphviz: its orthogonal routing ignores ports and gives up on large graphs, and it
shares ranks between parts of a picture that have nothing to do with each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from archdsl.backends.drawing.content.alike import MOST_ALIKE
from archdsl.backends.drawing.content.model import (
    ENTRY,
    Arm,
    Bar,
    Body,
    Card,
    Group,
    Item,
    Merge,
    Parallel,
    Stairs,
    Step,
    Terminal,
)
from archdsl.backends.drawing.places.lanes import draw_lanes, more_room
from archdsl.backends.drawing.places.metrics import room
from archdsl.backends.drawing.places.scene import Box, Dot, Head, Label, Point, Port, Scene
from archdsl.backends.drawing.places.sizes import (
    BAR_CAPTION,
    PAD,
    ROW,
    SMALL,
    bar_centres,
    bar_width,
    card_height,
    columns,
    compact,
    header_height,
    header_width,
    merge_width,
    rows_of,
    stair_columns,
    stair_rows,
    terminal_width,
)

GAP = 20
"""Between an item and the next one on the main line: the length of an arrow."""
BESIDE = 24
"""Between arms."""
NARROW = 0.8
"""Cards of an arm are as wide as those around it unless they need less than this share."""
WIDE = 1000
"""Arms that take more together go without their tensors."""
LINE = 12
"""Beside an arm that is a line alone."""
LEVEL = 4
"""Between the levels where lines turn."""
FEET = 14
"""Between lines that leave an item with several results."""
DOT = 3
"""From the top of a fork to its dot."""


class Placer:
    """Makes the scenes of one body, in columns of its own."""

    def __init__(self, body: Body, dots: Iterator[int], *, is_headed: bool) -> None:
        self.full = columns(list(rows_of(body.steps)))
        self.compact = compact(self.full)
        self._heads_a_card = is_headed
        self._dots = dots
        self.room: dict[int, float] = {}
        """What bars need above them beside the usual, by their keys."""

    def body(self, body: Body, is_compact: bool = False) -> Scene:
        self.room |= more_room(body.lanes)
        scene = Scene()
        top: Port | None = None
        if any(lane.source.key == ENTRY for lane in body.lanes):
            top = self.dot(scene)
        entry, scene.exit = scene.put(self.sequence(body.steps, is_compact), 0, GAP if top else 0)
        scene.connect(top, entry)
        scene.entry = top or entry
        if body.lanes:
            draw_lanes(scene, body.lanes, top, self.room)
        return scene

    def group(self, group: Group, is_compact: bool = False) -> Scene:
        scene = Scene()
        scene.entry, scene.exit = scene.put(self.body(group.body, is_compact), 0, header_height(group))
        clear = header_width(group) - (scene.right if scene.entry is None else 0)  # of a line that enters from above
        scene.left = max(scene.left, clear) + PAD
        scene.right += PAD
        scene.height += PAD
        scene.group = group
        if not group.body.steps:  # a call that hands on what it is given
            name = f"n{group.key}"
            scene.entry, scene.exit = Port(0, 0, name), Port(0, scene.height, name)
        return scene

    def sequence(self, steps: tuple[Step, ...], is_compact: bool) -> Scene:
        scene = Scene()
        y = 0.0
        before: Port | None = None
        for index, step in enumerate(steps):
            part = self.item(step.item, is_compact)
            y += LEVEL * max(len(part.heads) - GAP // LEVEL + 2, 0) * (index > 0)  # where lines to many arms turn
            y += self.room.get(step.item.key, 0) if isinstance(step.item, Bar) else 0
            centres = bar_centres(step.item) if isinstance(step.item, Bar) and step.operands else [0.0]
            shift = -centres[step.operands[0]] if step.operands else 0.0
            entry, exit = scene.put(part, shift, y)
            entry, exit = entry and entry.moved(-shift, 0), exit and exit.moved(-shift, 0)
            if step.follows and index == 0:
                scene.entry, scene.heads = entry, part.heads
            elif step.follows and before is not None:
                draw_heads(scene, steps[index - 1].item, step, before, entry, part, y)
            if before is not None and entry is not None:
                for x in (centres[operand] + shift for operand in step.operands[1:]):
                    scene.line([before.point, (before.x, y - 9), (x, y - 9), (x, y)], before, entry)
            before = exit
            y += part.height + GAP
        scene.exit = before
        return scene

    def arm(self, steps: tuple[Step, ...], is_compact: bool) -> Scene:
        """The scene of an arm beside the main line, in columns of its own where these are much narrower."""
        others, own = (self.full, self.compact), columns(list(rows_of(steps)))
        if is_compact or own.total < NARROW * self.full.total:
            self.full, self.compact = own, compact(own)
        scene = self.sequence(steps, is_compact)
        self.full, self.compact = others
        return scene

    def item(self, item: Item, is_compact: bool) -> Scene:
        if isinstance(item, Group):
            return self.group(item, is_compact)
        if isinstance(item, Parallel):
            region = _Region(self, item, is_compact)
            is_wide = region.scene.left + region.scene.right > WIDE
            return _Region(self, item, True).scene if is_wide and not region.is_compact else region.scene
        if isinstance(item, Card):
            return self._card(item, is_compact)
        if isinstance(item, Merge):
            return _leaf(Box(f"n{item.key}", item, 0, 0, merge_width(item), ROW))
        if isinstance(item, Stairs):
            return _leaf(Box(f"n{item.key}", item, 0, 0, sum(stair_columns(item)), ROW * len(stair_rows(item))))
        if isinstance(item, Bar):
            return _leaf(Box(f"n{item.key}", item, 0, 0, bar_width(item), ROW + BAR_CAPTION))
        return _leaf(Box(f"n{item.key}", item, 0, 0, terminal_width(item), 22 if item.glyph else 14))

    def dot(self, scene: Scene) -> Port:
        name = f"fork{next(self._dots)}"
        scene.shapes.append(Dot(name, 0, DOT))
        return Port(0, DOT, name, is_dot=True)

    def _card(self, card: Card, is_compact: bool) -> Scene:
        widths = self.compact if is_compact else self.full
        is_headed = not is_compact and self._heads_a_card
        if is_headed:
            self._heads_a_card = False
        height = card_height(card, is_headed)
        return _leaf(Box(f"n{card.key}", card, 0, 0, widths.total + 2, height, widths, is_headed))


def _line() -> Scene:
    """The scene of an arm that is a line alone."""
    scene = Scene(LINE, LINE)
    scene.entry = scene.exit = Port(0, 0, "", is_dot=True)
    return scene


def _leaf(box: Box) -> Scene:
    scene = Scene(box.width / 2, box.width / 2, box.height)
    scene.shapes.append(box._replace(left=-box.width / 2))
    scene.entry, scene.exit = Port(0, 0, box.name), Port(0, box.height, box.name)
    return scene


def draw_heads(scene: Scene, item: Item, step: Step, before: Port, entry: Port | None, part: Scene, y: float) -> None:
    """The main line to a step; from the parts of a split a line to each arm, from another item, from places at its foot."""
    heads = [head.moved(0, y) for head in part.heads]
    if step.result is not None and entry is not None and isinstance(item, Bar):
        heads.append(Head(step.result, (entry.point,), entry))
    else:
        scene.connect(before, entry)
    results = sorted({head.result for head in heads})
    apart = {result: before.x + FEET * (i - (len(results) - 1) / 2) for i, result in enumerate(results)}
    starts = dict(enumerate(bar_centres(item))) if isinstance(item, Bar) else apart
    levels = _levels([(starts[head.result], head.way[0][0]) for head in heads])
    for head, level in zip(heads, levels, strict=True):
        x, bend = starts[head.result], before.y + 6 + LEVEL * level
        scene.line([(x, before.y), (x, bend), (head.way[0][0], bend), *head.way], before, head.target)


def _levels(ways: list[tuple[float, float]]) -> list[int]:
    """How far from a bar the lines between its parts and the arms turn: outer ones next to it, so that none cross."""
    levels = [0] * len(ways)
    left, right = ([i for i, (part, arm) in enumerate(ways) if (arm - part) * sign > 0.5] for sign in (-1, 1))
    meet = any(ways[a][1] < ways[b][1] and ways[b][0] < ways[a][0] for a in left for b in right)
    for sign, moving, first in ((-1, left, 0), (1, right, len(left) * meet)):
        for level, index in enumerate(sorted(moving, key=lambda i: -sign * ways[i][1])):
            levels[index] = first + level
    return levels


def _is_through(arm: Arm) -> bool:
    return not arm.steps


def _rows(arm: Arm) -> int:
    """Rows of an arm, to tell a branch from a shortcut."""
    return sum(sum(not r.caption for r in s.item.rows) if isinstance(s.item, Card) else 9 for s in arm.steps)


def _main(item: Parallel) -> int | None:
    """The arm on the main line: what a shortcut leads around, or the value itself beside ends and sources of its own."""
    if item.is_split and any(_is_through(arm) for arm in item.arms):
        return None
    joined = [i for i, arm in enumerate(item.arms) if arm.enters and arm.feeds]
    bodies = [i for i in joined if not _is_through(item.arms[i])]
    if len(joined) > len(bodies) and len(bodies) < 2:
        return (bodies or joined)[0]
    if len(joined) == len(item.arms) == 2 and isinstance(item.join, Merge):
        short, long = sorted(joined, key=lambda i: _rows(item.arms[i]))
        if _rows(item.arms[short]) * 2 <= _rows(item.arms[long]):
            return long
    return None


class _Way(NamedTuple):
    """An arm that leads into the join: where its line comes from and the operand that it is."""

    source: Port
    points: tuple[Point, ...]
    x: float
    operand: int
    is_skip: bool
    result: int | None = None
    """The part of a split that goes straight on."""
    beside: tuple[int, ...] = ()
    """Further operands that it is, of an arm that stands for many."""


class _Region:
    """Places arms between a fork and a join: one on the main line and others beside it, or all side by side."""

    def __init__(self, placer: Placer, item: Parallel, is_compact: bool) -> None:
        self.placer = placer
        self.item = item
        self.main = _main(item)
        self.is_compact = is_compact or sum(not _is_through(arm) for arm in item.arms) > 2
        self.scene = Scene()
        self.fork: Port | None = None
        self.entries: list[Port | None] = []
        self.heads: list[list[Head]] = []
        self.exits: list[Port | None] = []
        self._enter()
        if item.join is not None:
            self._join(item.join)

    def _enter(self) -> None:
        """The fork, the arms, and the lines between them."""
        entering = [arm for arm in self.item.arms if arm.enters]
        if len(entering) > 1 and not self.item.is_split:
            self.fork = self.scene.entry = self.placer.dot(self.scene)
        self._place_arms(GAP if self.fork else 0)
        for index, (arm, entry) in enumerate(zip(self.item.arms, self.entries, strict=True)):
            if not arm.enters or (self.item.is_split and _is_through(arm)):
                continue
            self.scene.heads += self.heads[index]
            if entry is None:
                continue
            if self.fork is not None:
                points = [self.fork.point, (entry.x, self.fork.y), entry.point]
                self.scene.line(points, self.fork, entry, is_skip=self._is_skip(index))
            elif self.item.is_split:
                self.scene.heads.append(Head(arm.results[0], (entry.point,), entry))
            else:
                self.scene.entry = entry

    def _is_skip(self, index: int) -> bool:
        arm = self.item.arms[index]
        if self.item.is_split:
            return False
        return index != self.main and arm.enters and arm.feeds and (self.main is not None or _is_through(arm))

    def _place_arms(self, top: float) -> None:
        parts = [self._arm(i, a) for i, a in enumerate(self.item.arms)]
        standing = [p for p in parts if p is not None]
        height = max((p.height for p in standing), default=0)
        if self.main is None:
            x = (BESIDE - sum(p.left + p.right + BESIDE for p in standing)) / 2
        else:
            on_line = parts[self.main]
            x = BESIDE + (on_line.right if on_line is not None else 0)
        for index, part in enumerate(parts):
            entry: Port | None = None
            exit: Port | None = None
            heads: list[Head] = []
            if part is not None:
                is_main = index == self.main
                dx = 0 if is_main else x + part.left
                dy = top if is_main or self.main is None else top + (height - part.height) / 2
                entry, exit = self.scene.put(part, dx, dy)
                heads = [head.moved(dx, dy) for head in part.heads]
                x += 0 if is_main else part.left + part.right + BESIDE
            self.entries.append(entry)
            self.heads.append(heads)
            self.exits.append(exit)

    def _arm(self, index: int, arm: Arm) -> Scene | None:
        if _is_through(arm):
            return _line() if self.item.is_split else None
        if index == self.main:
            return self.placer.sequence(arm.steps, self.is_compact)
        return self.placer.arm(arm.steps, self.is_compact or self.main is not None)

    def _join(self, join: Card | Terminal | Merge | Bar | Group) -> None:
        """The item that joins the arms, and the lines into it."""
        centres = bar_centres(join) if isinstance(join, Bar) else []
        ways = [w for i, arm in enumerate(self.item.arms) if arm.feeds and i != self.main for w in self._way(i, join)]
        shift = -centres[self.item.arms[self.main].operands[0]] if centres and self.main is not None else 0.0
        levels = _levels([(shift + centres[w.operand], w.x) for w in ways]) if centres else [0] * len(ways)
        top = self.scene.height + GAP + 4 * max(levels, default=0) + self.placer.room.get(join.key, 0)
        part = self.placer.item(join, self.is_compact)
        into, exit = self.scene.put(part, shift, top)
        assert into is not None
        self.scene.exit = exit and exit._replace(x=0)
        if self.main is not None:
            self._main_line(into._replace(x=0))
        for way, level in zip(ways, levels, strict=True):
            if centres:
                x, bend = shift + centres[way.operand], top - 9 - 4 * level
                for other in (shift + centres[operand] for operand in way.beside):
                    self.scene.line([*way.points, (way.x, bend), (other, bend), (other, top)], way.source, into)
                points = [*way.points, (way.x, bend), (x, bend), (x, top)]
            elif isinstance(join, Merge) and abs(way.x) > 1:
                points = [*way.points, (way.x, top + ROW / 2), (part.right if way.x > 0 else -part.left, top + ROW / 2)]
            else:
                points = [*way.points, (way.x, top - 9), (0, top - 9), (0, top)]
            if way.result is None:
                self.scene.line(points, way.source, into, is_skip=way.is_skip)
            else:
                self.scene.heads.append(Head(way.result, tuple(points), into))

    def _main_line(self, into: Port) -> None:
        assert self.main is not None
        start = self.exits[self.main] or self.fork
        if start is None:
            self.scene.entry = into
        else:
            self.scene.connect(start, into)

    def _way(self, index: int, join: Item) -> Iterator[_Way]:
        arm, exit = self.item.arms[index], self.exits[index]
        if exit is not None:
            result = arm.results[0] if _is_through(arm) else None
            operands = arm.operands if isinstance(join, Bar) else arm.operands[:1]
            if len(operands) > MOST_ALIKE:
                middle = len(operands) // 2
                beside = (*operands[:middle], *operands[middle + 1 :])
                yield _Way(exit, (exit.point,), exit.x, operands[middle], self._is_skip(index), result, beside)
                return
            for operand in operands:
                yield _Way(exit, (exit.point,), exit.x, operand, self._is_skip(index), result)
        elif self.fork is not None and _is_through(arm):
            others = [o for other in self.item.arms if other is not arm for o in other.operands]
            is_left = isinstance(join, Bar) and arm.operands[0] < min(others, default=0)
            x = -self.scene.left - 16 if is_left else self.scene.right + 16
            words = "" if isinstance(join, Bar) else "identity"
            across = room(words, SMALL) + 4
            if words:
                self.scene.shapes.append(Label(words, x + 4, (self.fork.y + self.scene.height) / 2 - 7, across))
            if is_left:
                self.scene.left = -x
            else:
                self.scene.right = x + across
            yield _Way(self.fork, (self.fork.point, (x, self.fork.y)), x, arm.operands[0], True)
