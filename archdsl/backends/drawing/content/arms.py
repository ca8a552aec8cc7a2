"""Encoder-decoders -> arms: levels by the scale of the maps, found from the graph alone.

The main line goes down to the smallest maps and comes up again. What leaves it on the way down and joins it on the way up is
a skip; its own layers stand between the arms.
"""

from __future__ import annotations

from itertools import pairwise
from math import log2

from archdsl.backends.drawing.content.drafts import Drafts
from archdsl.backends.drawing.content.model import Anchor, Arms, Card, End, Lane, Rung, Skip
from archdsl.backends.drawing.content.rows import row_of
from archdsl.backends.drawing.content.streams import Stream, streams
from archdsl.backends.drawing.content.words import show_output
from archdsl.backends.drawing.refusal import Refusal
from archdsl.ir import Module, Network, Output, TensorType, modules

LEAST = 1.5
"""Maps that differ by less have one level: windows without padding take a few rows."""
APART = 0.4
"""Halvings between two levels."""


def arms(network: Network, drafts: Drafts) -> Arms:
    """The arms of an encoder-decoder. Raises `Refusal`."""
    try:
        if len(network.inputs) != 1:
            raise Refusal(f"it has {len(network.inputs)} inputs")
        return _Finder(network, drafts).arms()
    except Refusal as refusal:
        help = "`--style overview` draws any network"
        raise Refusal(f"{network.name} is no encoder-decoder with two arms: {refusal}; {help}") from None


def may_rise(network: Network) -> bool:
    """Whether any layer makes maps larger: a network without one has no way up."""
    nodes = (n for m in modules(network) for n in m.nodes if n.operands and not isinstance(n.operator, Module))
    return any(_ratio(n.operand_types[0], n.result_types[0]) <= 1 / LEAST for n in nodes)


def kept_in_reverse(network: Network, drafts: Drafts) -> Arms | None:
    """The arms of a network that keeps two values or more on its way down, and reads them in reverse order on its way up."""
    try:
        found = arms(network, drafts)
    except Refusal:
        return None
    down, up = (
        {
            Anchor(rung.card.key, row): (place, row)
            for place, rung in enumerate(side)
            for row in range(len(rung.card.rows))
        }
        for side in (found.left, found.right)
    )
    if len(found.skips) < 2 or not all(s.source in down and s.target in up for s in found.skips):
        return None
    kept = sorted(found.skips, key=lambda s: up[s.target][0])
    return found if all(down[a.source] > down[b.source] for a, b in pairwise(kept)) else None


class _Finder:
    def __init__(self, network: Network, drafts: Drafts) -> None:
        self.network = network
        self.drafts = drafts
        self.streams, makers = streams(network, drafts)
        shown = zip(network.outputs, makers, strict=True)
        self.outputs = [(o, i) for o, i in shown if not o.training and i is not None]
        (self.input,) = network.body.inputs
        self.readers: dict[int, list[int]] = {}
        for index, stream in enumerate(self.streams):
            for source in stream.sources:
                self.readers.setdefault(source, []).append(index)
        self.levels = _levels(self.streams)
        self.anchors: dict[int, Anchor] = {}

    def arms(self) -> Arms:
        deepest = max(self.levels, default=0)
        if deepest == 0:
            raise Refusal("its maps keep their size")
        turn = self.levels.index(deepest)
        before, after = self._ancestors([turn]), self._descendants(turn)
        maps = [(o, i) for o, i in self.outputs if o.value.type.rank == self.input.type.rank]
        rising = [(self.levels[i], o, i) for o, i in maps if i in after and self.levels[i] < deepest]
        if not rising:
            raise Refusal("its maps get smaller to the end")
        _, output, last = min(rising, key=lambda found: found[0])
        main = [i for i in sorted(self._ancestors([last]) | {last}) if i in after]
        rise = next(n for n, i in enumerate(main) if self.levels[i] < deepest)
        fall = next((n for n, i in enumerate(main) if self._level(i) == deepest), rise)
        left, bottom, right = sorted(before) + main[:fall], main[fall:rise], main[rise:]
        self._check(left, right)
        self.order = {unit: place for place, unit in enumerate(left + bottom + right)}
        self.side = {u: side for side, units in enumerate((left, bottom, right)) for u in units}
        self.passing = self._ancestors(right) - set(self.order)
        rungs = [self._rungs(left), self._rungs(bottom), self._rungs(right, is_upward=True)]
        crossing, lanes = self._skips(), self._lanes()
        ends = tuple(self._end(o, i) for o, i in self.outputs if o is not output)
        if lost := [s.unit.paths[0] for i, s in enumerate(self.streams) if i not in self.anchors]:
            raise Refusal(f"`{lost[0]}` belongs to neither arm")
        (name,), value = self.network.inputs, self.input
        entry, exit = (
            self.drafts.terminal(name, name, value),
            self.drafts.terminal(output.name, output.name, output.value),
        )
        down, low, up = rungs
        return Arms(deepest + 1, entry, down, low, up, exit, ends, crossing, lanes)

    def _check(self, left: list[int], right: list[int]) -> None:
        """Raises `Refusal` where maps grow on the way down or shrink on the way up."""
        for before, after in pairwise(left):
            if self.levels[after] < self.levels[before]:
                raise Refusal(f"its maps grow at `{self.streams[after].unit.paths[0]}`, before they are smallest")
        for before, after in pairwise(right):
            if self.levels[after] > self.levels[before]:
                raise Refusal(f"its maps shrink again at `{self.streams[after].unit.paths[0]}`")

    def _ancestors(self, units: list[int]) -> set[int]:
        found: set[int] = set()
        waiting = [s for i in units for s in self.streams[i].sources]
        while waiting:
            unit = waiting.pop()
            if unit not in found:
                found.add(unit)
                waiting += self.streams[unit].sources
        return found

    def _descendants(self, unit: int) -> set[int]:
        found = {unit}
        for index, stream in enumerate(self.streams):
            if not found.isdisjoint(stream.sources):
                found.add(index)
        return found

    def _level(self, unit: int) -> int:
        """Where a unit stands: a pool that shrinks maps ends the level above, unless its result is read across."""
        stream, level = self.streams[unit], self.levels[unit]
        shrinks = stream.unit.kind == "pool" and bool(stream.sources) and self.levels[stream.sources[0]] < level
        across = [r for r in self.readers.get(unit, []) if self.levels[r] == level]
        return self.levels[stream.sources[0]] if shrinks and len(across) < 2 else level

    def _is_next(self, source: int, target: int) -> bool:
        """Whether a unit stands right behind the one that it reads."""
        return self.order[target] - self.order[source] == 1

    def _rungs(self, units: list[int], *, is_upward: bool = False) -> tuple[Rung, ...]:
        """Cards of units that follow each other at one level."""
        runs: list[list[int]] = []
        for unit in units:
            before = runs[-1][-1] if runs else unit
            if before in self.streams[unit].sources and self._level(before) == self._level(unit):
                runs[-1].append(unit)
            else:
                runs.append([unit])
        return tuple(Rung(self._level(r[0]), self._card(r, is_upward=is_upward), self._follows(r[0])) for r in runs)

    def _follows(self, unit: int) -> bool:
        sources = self.streams[unit].sources
        return self.order[unit] == 0 or any(s in self.order and self._is_next(s, unit) for s in sources)

    def _card(self, units: list[int], *, is_upward: bool = False) -> Card:
        key = self.drafts.key()
        rows = [row_of(self.drafts, s.unit)._replace(name=s.name) for s in (self.streams[u] for u in units)]
        places = range(len(rows) - 1, -1, -1) if is_upward else range(len(rows))
        self.anchors.update((unit, Anchor(key, place)) for unit, place in zip(units, places, strict=True))
        return Card(key, "", "", tuple(reversed(rows)) if is_upward else tuple(rows))

    def _skips(self) -> tuple[Skip, ...]:
        """Values read in another arm, straight or through layers between the arms."""
        found: list[Skip] = []
        for target in sorted(self.order):
            for source in self.streams[target].sources:
                if source in self.passing:
                    start, card = self._between(source)
                    found.append(Skip(self.anchors[start], self.anchors[target], card, self._words(start, target)))
                elif self.side[source] < self.side[target] and not self._is_next(source, target):
                    words = self._words(source, target)
                    found.append(Skip(self.anchors[source], self.anchors[target], None, words))
        return tuple(found)

    def _between(self, last: int) -> tuple[int, Card]:
        """What the chain of layers that ends with this one reads, and its card. Raises `Refusal` where it is no chain."""
        chain = [last]
        while chain[0] in self.passing:
            sources = self.streams[chain[0]].sources
            if len(sources) != 1 or chain[0] in self.anchors:
                raise Refusal(f"more than a chain of layers stands between its arms, at `{self._path(chain[0])}`")
            chain.insert(0, sources[0])
        return chain[0], self._card(chain[1:])

    def _words(self, source: int, target: int) -> str:
        """The name and the shape of what crosses."""
        values = [v for i in (target, *self.readers[source]) for s, v in self.streams[i].read.items() if s == source]
        name = next((f"{v.tap} " for v in values if v.tap), "")
        return f"{name} {show_output([values[0].type])}"

    def _lanes(self) -> tuple[Lane, ...]:
        """Values that pass by units of their own arm."""
        targets: dict[int, list[Anchor]] = {}
        for target in self.order:
            for source in self.streams[target].sources:
                if (
                    source in self.order
                    and self.side[source] == self.side[target]
                    and not self._is_next(source, target)
                ):
                    targets.setdefault(source, []).append(self.anchors[target])
        return tuple(Lane(self.anchors[source], tuple(found), "") for source, found in targets.items())

    def _end(self, output: Output, maker: int) -> End:
        """An output beside the main one, with the layers that only it needs."""
        chain: list[int] = []
        while maker not in self.order:
            sources = self.streams[maker].sources
            if len(sources) != 1 or maker in self.anchors:
                raise Refusal(f"more than a chain of layers leads to `{output.name}`")
            chain.insert(0, maker)
            maker = sources[0]
        if self.side[maker] == 0:
            raise Refusal(f"`{output.name}` leaves its descending arm")
        terminal = self.drafts.terminal(output.name, output.name, output.value)
        return End(self.anchors[maker], self._card(chain) if chain else None, terminal)

    def _path(self, unit: int) -> str:
        return self.streams[unit].unit.paths[0]


def _levels(found: list[Stream]) -> list[int]:
    """The level of each unit's result: how often maps have shrunk more often than grown, counted by the factors."""
    scales: list[float] = []
    for stream in found:
        before = scales[stream.sources[0]] if stream.sources else 0.0
        scales.append(before + _step(stream))
    known = sorted(scales)
    firsts = [s for i, s in enumerate(known) if not i or s - known[i - 1] > APART]
    return [sum(s >= first - 1e-9 for first in firsts) - 1 for s in scales]


def _step(stream: Stream) -> float:
    """By how many halvings a unit shrinks its maps, of vectors their length; an unpadded window shrinks nothing."""
    values = list(stream.read.values())
    if not values:
        return 0.0
    before, ratio = values[0].type, _ratio(values[0].type, stream.unit.after[0])
    unit = stream.unit
    is_unpadded = unit.kind == "conv" and not unit.strides and min(_extent(before), _extent(unit.after[0])) > 1
    is_cut = unit.node is not None and unit.node.operator.name in ("crop", "pad")
    if is_unpadded or is_cut or 1 / LEAST < ratio < LEAST:
        return 0.0
    return log2(round(ratio)) if ratio > 1 else -log2(round(1 / ratio))


def _ratio(before: TensorType, after: TensorType) -> float:
    """By how much maps shrink, of vectors their length; 1 where one is no map of the other."""
    return _extent(before) / _extent(after) if before.rank == after.rank else 1.0


def _extent(type: TensorType) -> int:
    return max(type.sizes or type.shape, default=1)
