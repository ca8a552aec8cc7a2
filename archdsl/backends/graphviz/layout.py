"""Drawing model -> places: runs stacked on a straight main line, arms side by side, skips beside them.

Positions are computed here and not by Graphviz, since its orthogonal routing ignores ports, gives up on large graphs, and
shares ranks between parts that have nothing to do with each other. All lengths are points, y grows downwards. A scene
has its own origin: x = 0 is its main line, y = 0 its top.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from archdsl.backends.graphviz.metrics import fitted, width
from archdsl.backends.graphviz.model import (
    ENTRY,
    KINDS,
    Anchor,
    Arm,
    Bar,
    Body,
    Card,
    Drawing,
    Group,
    Item,
    Kind,
    Lane,
    Merge,
    Parallel,
    Row,
    Step,
    Terminal,
    Word,
)

ROW = 18
"""Height of a row."""
GAP = 20
"""Between an item and the next one on the main line: the length of an arrow."""
BESIDE = 24
"""Between arms."""
LANE = 9
"""Between lanes."""
PAD = 10
"""Inside an outline."""
PAGE = 12
"""Around the picture."""
DOT = 3
"""From the top of a fork to its dot."""

STRIP, BAR = 5, 46
TITLE, SUBTITLE, HEADING, TEXT, SMALL, TINY = 16, 10, 11, 10, 9, 8
"""Font sizes. Some builds of Graphviz know whole ones only."""


class Columns(NamedTuple):
    """Widths of the cells of a row, which are alike in all cards of a picture."""

    name: int
    text: int
    words: int
    glyph: int
    output: int
    params: int
    bar: int

    @property
    def total(self) -> int:
        return STRIP + sum(self)

    @property
    def heading(self) -> int:
        """Room for the heading of a card whose columns are headed too."""
        return STRIP + self.name + self.text + self.words + self.glyph


class Port(NamedTuple):
    """Where a line may begin or end, and at what."""

    x: float
    y: float
    name: str
    is_dot: bool = False

    def moved(self, dx: float, dy: float) -> Port:
        return self._replace(x=self.x + dx, y=self.y + dy)


class Box(NamedTuple):
    """A card, terminal, merge or bar in its place; `left` and `top` are its corner."""

    name: str
    item: Card | Terminal | Merge | Bar
    left: float
    top: float
    width: float
    height: float
    columns: Columns | None = None


class Dot(NamedTuple):
    name: str
    x: float
    y: float


class Label(NamedTuple):
    """Words beside a skip."""

    name: str
    text: str
    left: float
    top: float
    width: float


class Line(NamedTuple):
    """A line through points, from one named thing to another."""

    points: tuple[tuple[float, float], ...]
    tail: str
    head: str
    is_skip: bool = False
    has_arrow: bool = True


Shape = Box | Dot | Label


class Scene:
    """Shapes and lines about a main line, and scenes within."""

    def __init__(self, left: float = 0, right: float = 0, height: float = 0) -> None:
        self.left = left
        self.right = right
        self.height = height
        self.entry: Port | None = None
        self.exit: Port | None = None
        self.shapes: list[Shape] = []
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

    def join(self, source: Port | None, target: Port | None) -> None:
        """A line on the main line, straight where it can be."""
        if source is None or target is None:
            return
        bend = (source.y + target.y) / 2
        self.line(source, ((source.x, bend), (target.x, bend)), target)

    def line(
        self,
        source: Port,
        through: tuple[tuple[float, float], ...],
        target: Port,
        *,
        is_skip: bool = False,
        end: tuple[float, float] | None = None,
    ) -> None:
        points = _straight(((source.x, source.y), *through, end or (target.x, target.y)))
        self.lines.append(Line(points, source.name, target.name, is_skip, not target.is_dot))


def _straight(points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    """The points without those on the way from their neighbours to each other."""
    kept: list[tuple[float, float]] = []
    for point in points:
        if kept and abs(point[0] - kept[-1][0]) + abs(point[1] - kept[-1][1]) < 0.01:
            continue
        if len(kept) > 1 and any(abs(kept[-2][i] - kept[-1][i]) + abs(point[i] - kept[-1][i]) < 0.01 for i in (0, 1)):
            kept.pop()
        kept.append(point)
    return tuple(kept)


class Outline(NamedTuple):
    """A group in its place, with all that stands in it."""

    group: Group
    left: float
    top: float
    width: float
    height: float
    inside: list[Shape | Outline]


class Sheet(NamedTuple):
    """The whole picture: what stands where."""

    drawing: Drawing
    width: float
    height: float
    shapes: list[Shape | Outline]
    lines: list[Line]
    legend: tuple[tuple[Kind | str, ...], ...]
    """Entries of the legend, by line."""
    footer: tuple[str, ...]
    foot: float
    """Where legend and footer begin."""
    headed: str
    """The name of the card whose columns are headed."""


LEGEND: dict[str, str] = {
    "conv": "convolution",
    "pool": "pool / resample",
    "linear": "linear",
    "attention": "attention",
    "norm": "normalise",
    "activation": "activation",
    "parameter": "learned tensor",
    "merge": "merge",
    "reshape": "reshape, dropout",
    "block": "block",
    "glyph": "tensor: width = log channels, height = log size",
    "bar": "MACs",
}
LEGEND_LINE = 18
FOOTER_LINE = 14
HEAD = 50
"""Height of title and subtitle."""


def layout(drawing: Drawing) -> Sheet:
    """Places everything: the network, the definitions of its blocks to the right of it, title above, legend below."""
    placer = _Placer(drawing)
    scenes = [placer.body(drawing.body, compact=False)]
    network = scenes[0]
    across, below = network.left + network.right, network.height
    places: list[tuple[float, float, Scene]] = [(network.left, 0, network)]
    x, y, column = across + 2 * BESIDE, 0.0, 0.0
    for definition in drawing.definitions:
        scene = placer.group(definition, compact=False)
        if y and y + scene.height > max(network.height, 480):
            x, y, column = x + column + BESIDE, 0.0, 0.0
        places.append((x + scene.left, y, scene))
        column = max(column, scene.left + scene.right)
        y += scene.height + BESIDE
        across, below = max(across, x + column), max(below, y - BESIDE)
    room = max(across, 480)
    legend = _flow([*(k for k in KINDS if k in drawing.kinds), *_scales(drawing)], room, entry_width)
    footer = tuple("  ·  ".join(line) for line in _flow(_clean(drawing.footer, room), room, footer_width))
    texts = [width(drawing.title, TITLE, True), width(drawing.subtitle, SUBTITLE)]
    texts += [sum(entry_width(e) for e in line) for line in legend] + [width(line, TINY) for line in footer]
    page = max(across, *(min(t, room) for t in texts)) + 2 * PAGE
    left = (page - across) / 2
    foot = HEAD + below + 14
    shapes: list[Shape | Outline] = []
    lines: list[Line] = []
    for dx, dy, scene in places:
        _collect(scene, left + dx, HEAD + dy, shapes, lines)
    height = foot + LEGEND_LINE * len(legend) + FOOTER_LINE * len(footer) + PAGE
    headed = next((box.name for box in _boxes(shapes) if box.columns), "")
    return Sheet(drawing, page, height, shapes, lines, legend, footer, foot, headed)


def _scales(drawing: Drawing) -> list[str]:
    return ["glyph", "bar"] if drawing.scale else ["glyph"]


def _clean(footer: tuple[str, ...], room: float) -> list[str]:
    return [fitted(text, room, TINY) for text in footer if text]


def entry_width(entry: str) -> float:
    """Points that an entry of the legend takes, with the room after it."""
    return (38 if entry == "bar" else 9) + 4 + width(LEGEND[entry], TINY) + 14


def footer_width(text: str) -> float:
    return width(text + "  ·  ", TINY)


def _flow(entries: list[str], room: float, measure: object) -> tuple[tuple[str, ...], ...]:
    """The entries in lines of at most `room`."""
    assert callable(measure)
    lines: list[list[str]] = []
    used = room
    for entry in entries:
        used += measure(entry)
        if used > room or not lines:
            lines.append([])
            used = measure(entry)
        lines[-1].append(entry)
    return tuple(tuple(line) for line in lines)


def _boxes(shapes: list[Shape | Outline]) -> Iterator[Box]:
    for shape in shapes:
        if isinstance(shape, Outline):
            yield from _boxes(shape.inside)
        elif isinstance(shape, Box):
            yield shape


def _collect(scene: Scene, dx: float, dy: float, shapes: list[Shape | Outline], lines: list[Line]) -> None:
    """Adds a scene's shapes and lines to a picture, where they stand in it."""
    if scene.group is not None:
        size = (scene.left + scene.right, scene.height)
        outline = Outline(scene.group, dx - scene.left, dy, *size, [])
        shapes.append(outline)
        shapes = outline.inside
    shapes.extend(_moved(s, dx, dy) for s in scene.shapes)
    lines.extend(n._replace(points=tuple((x + dx, y + dy) for x, y in n.points)) for n in scene.lines)
    for px, py, part in scene.parts:
        _collect(part, dx + px, dy + py, shapes, lines)


def _moved(shape: Shape, dx: float, dy: float) -> Shape:
    if isinstance(shape, Dot):
        return shape._replace(x=shape.x + dx, y=shape.y + dy)
    return shape._replace(left=shape.left + dx, top=shape.top + dy)


class _Placer:
    def __init__(self, drawing: Drawing) -> None:
        rows = list(_rows_of(drawing))
        self.full = _columns(rows, with_output=True)
        self.compact = _columns(rows, with_output=False)
        self._dots = 0

    def body(self, body: Body, *, compact: bool) -> Scene:
        scene = Scene()
        y = 0.0
        before: Port | None = None
        if any(lane.source.key == ENTRY for lane in body.lanes):
            before = scene.entry = self._dot(scene, 0, DOT)
            y = GAP
        entry, scene.exit = scene.put(self._sequence(body.steps, compact), 0, y)
        if before is not None and entry is not None:
            scene.join(before, entry)
        scene.entry = scene.entry or entry
        self._lanes(scene, body.lanes)
        return scene

    def group(self, group: Group, *, compact: bool) -> Scene:
        scene = Scene()
        head = 34 if group.note else 22
        inside = self.body(group.body, compact=compact)
        scene.entry, scene.exit = scene.put(inside, 0, head)
        title = header_width(group) + 2 * PAD
        scene.left = max(scene.left + PAD, title)
        scene.right += PAD
        scene.height += PAD
        scene.group = group
        return scene

    def _item(self, item: Item, compact: bool, split: Port | None = None) -> Scene:
        if isinstance(item, Group):
            return self.group(item, compact=compact)
        if isinstance(item, Parallel):
            return self._parallel(item, compact)
        if isinstance(item, Card):
            columns = self.compact if compact else self.full
            return self._leaf(item, columns.total + 2, card_height(item), columns)
        if isinstance(item, Merge):
            return self._leaf(item, merge_width(item), ROW)
        if isinstance(item, Bar):
            return self._leaf(item, bar_width(item), bar_height(item))
        return self._leaf(item, terminal_width(item), 22 if item.path else 14)

    def _leaf(
        self, item: Card | Terminal | Merge | Bar, width: float, height: float, columns: Columns | None = None
    ) -> Scene:
        scene = Scene(width / 2, width / 2, height)
        name = f"n{item.key}"
        scene.shapes.append(Box(name, item, -width / 2, 0, width, height, columns))
        scene.entry, scene.exit = Port(0, 0, name), Port(0, height, name)
        return scene

    def _dot(self, scene: Scene, x: float, y: float) -> Port:
        self._dots += 1
        name = f"fork{self._dots}"
        scene.shapes.append(Dot(name, x, y))
        return Port(x, y, name, is_dot=True)

    def _sequence(self, steps: tuple[Step, ...], compact: bool) -> Scene:
        scene = Scene()
        y = 0.0
        before: Port | None = None
        for index, step in enumerate(steps):
            part = self._item(step.item, compact)
            entry, exit = scene.put(part, 0, y)
            if step.follows and index == 0:
                scene.entry = entry
            elif step.follows:
                scene.join(before, entry)
            before = exit
            y += part.height + GAP
        scene.exit = before
        return scene

    def _parallel(self, item: Parallel, compact: bool) -> Scene:
        """Arms from a fork to a join: one of them on the main line and the others beside it, or all side by side."""
        compact = compact or sum(bool(arm.steps) for arm in item.arms) > 2
        main = _main(item)
        scene = Scene()
        forks = sum(arm.enters for arm in item.arms) > 1 and not any(len(arm.results) > 1 for arm in item.arms)
        splits = forks and len({arm.results for arm in item.arms}) > 1
        fork = None
        if forks and not splits:
            fork = scene.entry = self._dot(scene, 0, DOT)
        top = GAP if fork else 0
        placed = self._arms(scene, item.arms, main, top, compact)
        for arm, (entry, _) in zip(item.arms, placed, strict=True):
            if not arm.enters or entry is None:
                continue
            if fork is not None:
                is_skip = main is not None and arm is not item.arms[main]
                scene.line(fork, ((entry.x, fork.y),), entry, is_skip=is_skip)
            elif splits:
                scene.heads.append((arm.results[0], entry))
            else:
                scene.entry = entry
        if item.join is not None:
            self._join(scene, item, item.join, main, fork, [exit for _, exit in placed])
        return scene

    def _arms(
        self, scene: Scene, arms: tuple[Arm, ...], main: int | None, top: float, compact: bool
    ) -> list[tuple[Port | None, Port | None]]:
        """Places the arms that have steps; where each is entered and left."""
        parts = [self._sequence(arm.steps, compact) if arm.steps else None for arm in arms]
        height = max(part.height for part in parts if part is not None)
        x = 0.0
        if main is None:
            x = -sum(part.left + part.right + BESIDE for part in parts if part is not None) / 2 + BESIDE / 2
        elif (on_line := parts[main]) is not None:
            x = on_line.right + BESIDE
        else:
            x = 2 * BESIDE
        placed: list[tuple[Port | None, Port | None]] = []
        for index, part in enumerate(parts):
            if part is None:
                placed.append((None, None))
            elif index == main:
                placed.append(scene.put(part, 0, top))
            else:
                y = top if main is None else top + (height - part.height) / 2
                placed.append(scene.put(part, x + part.left, y))
                x += part.left + part.right + BESIDE
        return placed

    def _join(
        self,
        scene: Scene,
        item: Parallel,
        join: Card | Terminal | Merge | Bar | Group,
        main: int | None,
        fork: Port | None,
        exits: list[Port | None],
    ) -> None:
        """Places the join under the arms and draws what leads into it."""
        part = self._item(join, compact=False)
        centres = bar_centres(join) if isinstance(join, Bar) else ()
        shift = 0.0
        if centres and main is not None and item.arms[main].operands:
            shift = -centres[item.arms[main].operands[0]]
        feeding = [i for i, arm in enumerate(item.arms) if arm.feeds and i != main]
        bottom = scene.height
        top = bottom + (GAP if not centres else GAP / 2 + 6 * (len(feeding) // 2 + 1))
        into, scene.exit = scene.put(part, shift, top)
        if scene.exit is not None:
            scene.exit = scene.exit._replace(x=0)
        assert into is not None
        if main is not None:
            start = exits[main] or fork
            if start is None:
                scene.entry = into
            else:
                scene.join(start, into._replace(x=start.x))
        for index in feeding:
            arm, start = item.arms[index], exits[index]
            if start is None:
                self._identity(scene, arm, join, fork, into, part, shift, top)
            else:
                self._into(scene, arm, join, start, into, part, shift, top, is_skip=main is not None and arm.enters)

    def _into(
        self,
        scene: Scene,
        arm: Arm,
        join: Item,
        start: Port,
        into: Port,
        part: Scene,
        shift: float,
        top: float,
        *,
        is_skip: bool,
    ) -> None:
        """The line from the end of an arm beside the main line into the join."""
        if isinstance(join, Bar):
            x = shift + bar_centres(join)[arm.operands[0]]
            bend = top - 8
            scene.line(start, ((start.x, bend), (x, bend)), into, is_skip=is_skip, end=(x, top))
            return
        middle = top + ROW / 2
        if abs(start.x) < 1:
            scene.join(start, into)
        else:
            side = part.right if start.x > 0 else -part.left
            scene.line(start, ((start.x, middle),), into, is_skip=is_skip, end=(side, middle))
