"""Drawing model -> scenes: runs stacked on a straight main line, arms side by side, skips beside them.

Places are computed here and not by Graphviz: its orthogonal routing ignores ports and gives up on large graphs, and it
shares ranks between parts of a picture that have nothing to do with each other.
"""

from __future__ import annotations

from archdsl.backends.graphviz.metrics import width
from archdsl.backends.graphviz.model import (
    ENTRY,
    Anchor,
    Arm,
    Bar,
    Body,
    Card,
    Drawing,
    Group,
    Item,
    Lane,
    Merge,
    Parallel,
    Step,
    Terminal,
)
from archdsl.backends.graphviz.scene import Box, Dot, Label, Outline, Point, Port, Scene, Shape, collect
from archdsl.backends.graphviz.sizes import (
    BAR_CAPTION,
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
    terminal_width,
)

GAP = 20
"""Between an item and the next one on the main line: the length of an arrow."""
BESIDE = 24
"""Between arms."""
LANE = 8
"""Between lanes."""
PAD = 10
"""Inside an outline."""
DOT = 3
"""From the top of a fork to its dot."""


class Placer:
    """Makes the scenes of one picture."""

    def __init__(self, drawing: Drawing) -> None:
        self.full = columns(drawing)
        self.compact = compact(self.full)
        self._headed = False
        self._dots = 0

    def body(self, body: Body, is_compact: bool = False) -> Scene:
        scene = Scene()
        top: Port | None = None
        if any(lane.source.key == ENTRY for lane in body.lanes):
            top = self.dot(scene)
        entry, scene.exit = scene.put(self.sequence(body.steps, is_compact), 0, GAP if top else 0)
        scene.connect(top, entry)
        scene.entry = top or entry
        if body.lanes:
            _draw_lanes(scene, body.lanes, top)
        return scene

    def group(self, group: Group, is_compact: bool = False) -> Scene:
        scene = Scene()
        scene.entry, scene.exit = scene.put(self.body(group.body, is_compact), 0, header_height(group))
        scene.left = max(scene.left, header_width(group)) + PAD
        scene.right += PAD
        scene.height += PAD
        scene.group = group
        return scene

    def sequence(self, steps: tuple[Step, ...], is_compact: bool) -> Scene:
        scene = Scene()
        y = 0.0
        before: Port | None = None
        for index, step in enumerate(steps):
            part = self.item(step.item, is_compact)
            entry, exit = scene.put(part, 0, y)
            if step.follows and index == 0:
                scene.entry, scene.heads = entry, part.heads
            elif step.follows and part.heads and before is not None:
                _draw_split(scene, steps[index - 1].item, before, part, y)
            elif step.follows:
                scene.connect(before, entry)
            before = exit
            y += part.height + GAP
        scene.exit = before
        return scene

    def item(self, item: Item, is_compact: bool) -> Scene:
        if isinstance(item, Group):
            return self.group(item, is_compact)
        if isinstance(item, Parallel):
            return _Region(self, item, is_compact).scene
        if isinstance(item, Card):
            return self._card(item, is_compact)
        if isinstance(item, Merge):
            return _leaf(Box(f"n{item.key}", item, 0, 0, merge_width(item), ROW))
        if isinstance(item, Bar):
            return _leaf(Box(f"n{item.key}", item, 0, 0, bar_width(item), ROW + BAR_CAPTION))
        return _leaf(Box(f"n{item.key}", item, 0, 0, terminal_width(item), 22 if item.glyph else 14))

    def dot(self, scene: Scene) -> Port:
        self._dots += 1
        name = f"fork{self._dots}"
        scene.shapes.append(Dot(name, 0, DOT))
        return Port(0, DOT, name, is_dot=True)

    def _card(self, card: Card, is_compact: bool) -> Scene:
        widths = self.compact if is_compact else self.full
        is_headed = not is_compact and not self._headed
        self._headed = self._headed or is_headed
        height = card_height(card, is_headed)
        return _leaf(Box(f"n{card.key}", card, 0, 0, widths.total + 2, height, widths, is_headed))


def _leaf(box: Box) -> Scene:
    scene = Scene(box.width / 2, box.width / 2, box.height)
    scene.shapes.append(box._replace(left=-box.width / 2))
    scene.entry, scene.exit = Port(0, 0, box.name), Port(0, box.height, box.name)
    return scene


def _draw_split(scene: Scene, bar: Item, before: Port, part: Scene, y: float) -> None:
    """Lines from the parts of a split to the arms that read them; outer ones turn first, so that none cross."""
    assert isinstance(bar, Bar)
    centres = bar_centres(bar)
    for level, (result, head) in _levels([(centres[r], h.x, (r, h)) for r, h in part.heads]):
        target = head.moved(0, y)
        bend = before.y + 6 + 4 * level
        x = centres[result]
        scene.line([(x, before.y), (x, bend), (target.x, bend), target.point], before, target)


def _levels(ways: list[tuple[float, float, object]]) -> list[tuple[int, tuple[int, Port]]]:
    raise NotImplementedError
