"""Arms -> scene: two columns, levels side by side, skips level between them, the bottom in the middle."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.backends.drawing.content.model import Anchor, Arms, Card, End, Row, Rung, Skip, Terminal
from archdsl.backends.drawing.places.metrics import room
from archdsl.backends.drawing.places.scene import Box, Label, Port, Scene
from archdsl.backends.drawing.places.sizes import ROW, SMALL, card_height, columns, terminal_width

GAP = 22
"""Between a card and the next one, and between levels."""
BETWEEN = 60
"""Least room between the arms, beside what stands on a skip."""
LANE = 8
PILL = 22
"""Height of a terminal."""


def place_arms(arms: Arms) -> Scene:
    """The scene of an encoder-decoder, its main line half way between the arms."""
    return _Placer(arms).scene


class _Placer:
    def __init__(self, arms: Arms) -> None:
        self.arms = arms
        self.columns = columns(list(_rows(arms)))
        self.narrow = columns([r for s in arms.skips if s.card for r in s.card.rows])._replace(glyph=0, meter=0)
        self.width = self.columns.total + 2
        crossing = [(room(s.text, SMALL) if s.text else 0, s.card) for s in arms.skips]
        between = max((max(t, self.narrow.total if c else 0) for t, c in crossing), default=0)
        self.x = (self.width + between + BETWEEN) / 2
        """From the middle to the middle of an arm."""
        self.scene = Scene(self.x + self.width / 2, self.x + self.width / 2)
        self.ends: dict[Anchor, Box] = {}
        self._place()

    def _place(self) -> None:
        arms = self.arms
        entry = self._terminal(arms.entry, -self.x, 0)
        y: float = PILL + GAP
        before = entry
        for level in range(arms.levels):
            left = [r for r in arms.left if r.level == level]
            right = [r for r in reversed(arms.right) if r.level == level]
            down, up = self._offsets(left, right)
            before = self._descend(left, y + down, before)
            lowest = max(down + self._height(left), up + self._height(right))
            for rung, top in zip(right, self._tops(right, y + up), strict=True):
                self._card(rung.card, self.x, top)
            y += lowest + GAP if lowest else 0
        below = self._bottom(y, before)
        self._ascend(below)
        for skip in arms.skips:
            self._skip(skip)
        self._lanes()
        for end in arms.ends:
            self._end(end)

    def _offsets(self, left: list[Rung], right: list[Rung]) -> tuple[float, float]:
        """How far down each column of a level begins, so that its first skip is level."""
        places = {}
        for rungs in (left, right):
            for rung, top in zip(rungs, self._tops(rungs, 0), strict=True):
                for row in range(len(rung.card.rows)):
                    places[Anchor(rung.card.key, row)] = top + self._row_at(rung.card, row)
        for skip in self.arms.skips:
            if skip.source in places and skip.target in places:
                shift = places[skip.target] - places[skip.source]
                return max(shift, 0.0), max(-shift, 0.0)
        return 0.0, 0.0

    def _tops(self, rungs: list[Rung], y: float) -> list[float]:
        tops = []
        for rung in rungs:
            tops.append(y)
            y += card_height(rung.card, self._is_headed(rung.card)) + GAP
        return tops

    def _height(self, rungs: list[Rung]) -> float:
        return sum(card_height(r.card, self._is_headed(r.card)) + GAP for r in rungs) - GAP if rungs else 0.0

    def _is_headed(self, card: Card) -> bool:
        first = next(iter((*self.arms.left, *self.arms.bottom)), None)
        return first is not None and card.key == first.card.key

    def _row_at(self, card: Card, row: int) -> float:
        """From the top of a card to the middle of a row."""
        return 1 + ROW * (row + 0.5 + self._is_headed(card))

    def _card(self, card: Card, x: float, top: float, *, is_narrow: bool = False) -> Box:
        widths = self.narrow if is_narrow else self.columns
        is_headed = self._is_headed(card)
        width, height = widths.total + 2, card_height(card, is_headed)
        box = Box(f"n{card.key}", card, x - width / 2, top, width, height, widths, is_headed)
        self.scene.shapes.append(box)
        self.scene.height = max(self.scene.height, top + height)
        self.ends.update((Anchor(card.key, row), box) for row in range(len(card.rows)))
        return box

    def _terminal(self, terminal: Terminal, x: float, top: float) -> Port:
        width = terminal_width(terminal)
        box = Box(f"n{terminal.key}", terminal, x - width / 2, top, width, PILL)
        self.scene.shapes.append(box)
        return Port(x, top + PILL, box.name)

    def _descend(self, rungs: list[Rung], y: float, before: Port) -> Port:
        for rung, top in zip(rungs, self._tops(rungs, y), strict=True):
            box = self._card(rung.card, -self.x, top)
            if rung.follows:
                self.scene.connect(before, Port(-self.x, top, box.name))
            before = Port(-self.x, top + box.height, box.name)
        return before

    def _bottom(self, y: float, before: Port) -> Port:
        """The cards of the smallest maps, one below the other; where the way up begins."""
        after = before
        for index, (rung, top) in enumerate(zip(self.arms.bottom, self._tops(list(self.arms.bottom), y), strict=True)):
            box = self._card(rung.card, 0, top)
            if index == 0:
                target = Port(box.left, top + self._row_at(rung.card, 0), box.name)
                self.scene.line([before.point, (before.x, target.y), target.point], before, target)
            elif rung.follows:
                self.scene.connect(after, Port(0, top, box.name))
            after = Port(0, top + box.height, box.name)
        if self.arms.bottom:
            last = self.ends[Anchor(self.arms.bottom[-1].card.key, 0)]
            return Port(last.left + last.width, after.y - 1 - ROW / 2, after.name)
        return after

    def _ascend(self, before: Port) -> None:
        """Lines up the right arm, and the output above it."""
        for rung in self.arms.right:
            box = self.ends[Anchor(rung.card.key, 0)]
            target = Port(self.x, box.top + box.height, box.name)
            if rung.follows:
                self.scene.line([before.point, (self.x, before.y), target.point], before, target)
            before = Port(self.x, box.top, box.name)
        pill = self._terminal(self.arms.exit, self.x, max(before.y - GAP - PILL, 0))
        target = pill if before.y > 0 else before
        self.scene.connect(before, target)

    def _port(self, anchor: Anchor, *, is_right: bool) -> Port:
        box = self.ends[anchor]
        assert isinstance(box.item, Card)
        return Port(box.left + box.width * is_right, box.top + self._row_at(box.item, anchor.row), box.name)

    def _skip(self, skip: Skip) -> None:
        source, target = self._port(skip.source, is_right=True), self._port(skip.target, is_right=False)
        between = source
        if skip.card is not None:
            height = card_height(skip.card, False)
            box = self._card(skip.card, 0, target.y - height / 2, is_narrow=True)
            entry, between = Port(box.left, target.y, box.name), Port(box.left + box.width, target.y, box.name)
            self._cross(source, entry)
        self._cross(between, target)
        if skip.text:
            width = room(skip.text, SMALL) + 4
            top = source.y - 15 if skip.card is None else target.y - card_height(skip.card, False) / 2 - 16
            self.scene.shapes.append(Label(skip.text, -width / 2, top, width))

    def _cross(self, source: Port, target: Port) -> None:
        middle = target.x - 12
        points = [source.point, (middle, source.y), (middle, target.y), target.point]
        self.scene.line(points, source, target, is_skip=True)

    def _lanes(self) -> None:
        """Skips within an arm, along its outer side."""
        lanes = {False: 0, True: 0}
        for lane in self.arms.lanes:
            is_right = self.ends[lane.source].left > -self.width / 2 - 1
            lanes[is_right] += 1
            edge = self.ends[lane.source].left + self.width * is_right
            x = edge + LANE * (lanes[is_right] + 1) * (1 if is_right else -1)
            source = self._port(lane.source, is_right=is_right)
            for target in (self._port(t, is_right=is_right) for t in lane.targets):
                self.scene.line(
                    [source.point, (x, source.y), (x, target.y), target.point], source, target, is_skip=True
                )
            self.scene.right, self.scene.left = max(self.scene.right, x), max(self.scene.left, -x)

    def _end(self, end: End) -> None:
        """An output to the right of the arm, level with what it reads."""
        source = self._port(end.source, is_right=True)
        x = self.x + self.width / 2 + BETWEEN / 2
        if end.card is not None:
            across = self.columns.total + 2
            box = self._card(end.card, x + across / 2, source.y - card_height(end.card, False) / 2)
            entry = Port(box.left, source.y, box.name)
            self._bend(source, entry)
            source, x = Port(box.left + box.width, source.y, box.name), x + across + BETWEEN / 2
        width = terminal_width(end.terminal)
        port = self._terminal(end.terminal, x + width / 2, source.y - PILL / 2)
        self._bend(source, Port(x, source.y, port.name))
        self.scene.right = max(self.scene.right, x + width)

    def _bend(self, source: Port, target: Port) -> None:
        middle = target.x - 12
        points = [source.point, (middle, source.y), (middle, target.y), target.point]
        self.scene.line(points, source, target)


def _rows(arms: Arms) -> Iterator[Row]:
    for rung in (*arms.left, *arms.bottom, *arms.right):
        yield from rung.card.rows
    for end in arms.ends:
        if end.card is not None:
            yield from end.card.rows
