"""Finds the series-parallel structure of a body: what follows what, which units stand side by side, what passes by.

Units are numbers in the order they run. A cut is a place that only the result of the unit before it crosses. Between two
cuts stands either one unit or a region, whose last unit joins the arms that the rest falls into. What fits into no such
order, the skips of a U-Net or the states of a DenseNet, becomes a lane beside it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

ENTRY = -1
"""The value that enters the body."""

DEEPEST = 12
"""Forks within forks up to here; further ones are lanes, which keeps pictures narrow and recursion short."""

MOST_TRIALS, MOST_WORK = 400, 200_000
"""Lanes tried one by one, and units looked at for that; a graph that needs more is drawn as one column with lanes."""

Edge = tuple[int, int]


class Path(NamedTuple):
    """One arm of a fork; no items: the value itself."""

    items: tuple[Unit, ...]
    enters: bool
    feeds: bool
    operands: tuple[int, ...]


class Fork(NamedTuple):
    """Arms side by side, and the unit that joins them, if any."""

    arms: tuple[Path, ...]
    join: int | None


Unit = int | Fork


class Structure(NamedTuple):
    items: tuple[Unit, ...]
    flows: frozenset[Edge]
    """The edges that the structure itself shows."""
    lanes: tuple[Edge, ...]
    """All others."""


def structure(sources: Sequence[tuple[int, ...]], names: Sequence[int] = (), loose: Collection[int] = ()) -> Structure:
    """The structure of units, given for each the units (or `ENTRY`) whose results it reads, all of them earlier.

    `names` are the numbers that they go by, which rise; without them they are counted. Those of `loose` join no arms.

    >>> (fork,) = structure([(-1,), (0,), (-1, 1)]).items   # two layers, and what joins them with their input
    >>> [arm.items for arm in fork.arms], fork.join
    ([(), (0, 1)], 2)
    """
    names = names or range(len(sources))
    finder = _Finder(dict(zip(names, sources, strict=True)), loose)
    items = finder.sequence(list(names), ENTRY, 0)
    edges = {(p, c) for c, ps in finder.operands.items() for p in ps}
    return Structure(tuple(items), frozenset(finder.flows), tuple(sorted(edges - finder.flows)))


class _Finder:
    def __init__(self, sources: dict[int, tuple[int, ...]], loose: Collection[int]) -> None:
        self.loose = loose
        self.sources = {u: list(dict.fromkeys(s)) for u, s in sources.items()}
        self.operands = sources
        self.flows: set[Edge] = set()
        self.trials = 0

    def sequence(self, units: list[int], entry: int, depth: int) -> list[Unit]:
        items: list[Unit] = []
        start = 0
        last = self._last_readers(units, entry)
        while start < len(units):
            block = units[start : self._cut(units, start, entry, last)]
            item: Unit | None = block[0]
            if len(block) > 1:
                item = self._fork(block, entry, block[-1] == units[-1], depth)
            else:
                self._flow(entry, block[0])
            if item is None:
                last = self._last_readers(units[start:], entry)
            else:
                items.append(item)
                entry, start = block[-1], start + len(block)
        return items

    def _last_readers(self, units: list[int], entry: int) -> dict[int, int]:
        """The last of the units that reads each of them, and the value that enters."""
        inside = set(units)
        return {s if s in inside else entry: unit for unit in units for s in self.sources[unit]}

    def _cut(self, units: list[int], start: int, entry: int, last: dict[int, int]) -> int:
        """The end of the shortest stretch that only the result of its last unit leaves."""
        far = last.get(entry, -1)
        for index in range(start, len(units)):
            unit = units[index]
            if far <= unit and (index == start or unit not in self.loose):
                return index + 1
            far = max(far, last.get(unit, -1))
        return len(units)

    def _fork(self, block: list[int], entry: int, is_last: bool, depth: int) -> Fork | None:
        """The region as arms and a join; None where an edge has to become a lane first."""
        if is_last and len(ends := self._components(block)) > 1:
            return Fork(tuple(self._arm(part, entry, None, depth) for part in ends), None)
        join, inner = block[-1], block[:-1]
        parts = self._components(inner)
        passes = entry in self.sources[join]
        if len(parts) + passes < 2 or depth >= DEEPEST:
            self._drop([self._longest(block, entry)])
            return None
        readers = [u for u in block if entry in self.sources[u]]
        if len(parts) == 1 and passes and len(readers) > 2 and not self._are_arms(parts[0], readers):
            self._drop([(entry, u) for u in readers[1:]])
            return None
        arms = [self._arm(part, entry, join, depth) for part in parts]
        if passes:
            self._flow(entry, join)
            arms.append(Path((), True, True, self._positions(join, entry)))
        return Fork(tuple(sorted(arms, key=lambda a: a.operands or (len(self.operands[join]),))), join)

    def _are_arms(self, part: list[int], readers: list[int]) -> bool:
        """Whether all of a part is arms from the value that enters to one join, where each reads it once."""
        arms = self._components(part[:-1])
        return len(arms) == len(readers) - 1 and all(sum(u in readers for u in arm) == 1 for arm in arms)

    def _arm(self, part: list[int], entry: int, join: int | None, depth: int) -> Path:
        items = self.sequence(part, entry, depth + 1)
        inside = set(part)
        enters = any(s not in inside for u in part for s in self.sources[u])
        exit = items[-1] if isinstance(items[-1], int) else items[-1].join
        if join is None or exit is None:
            return Path(tuple(items), enters, False, ())
        return Path(tuple(items), enters, self._flow(exit, join), self._positions(join, exit))

    def _positions(self, join: int, unit: int) -> tuple[int, ...]:
        return tuple(i for i, source in enumerate(self.operands[join]) if source == unit)

    def _components(self, units: list[int]) -> list[list[int]]:
        """The units in connected parts, in the order of their first units."""
        part = {u: u for u in units}

        def find(u: int) -> int:
            while part[u] != u:
                part[u] = part[part[u]]
                u = part[u]
            return u

        for unit in units:
            for source in self.sources[unit]:
                if source in part:
                    a, b = sorted((find(unit), find(source)))
                    part[b] = a
        found: dict[int, list[int]] = {}
        for unit in units:
            found.setdefault(find(unit), []).append(unit)
        return list(found.values())

    def _longest(self, block: list[int], entry: int) -> Edge:
        inside = set(block)
        edges = [(s if s in inside else entry, u) for u in block for s in self.sources[u]]
        return max(edges, key=lambda e: (e[1] - max(e[0], block[0] - 1), e[1]))

    def _drop(self, edges: list[Edge]) -> None:
        self.trials += 1
        if self.trials > min(MOST_TRIALS, MOST_WORK // len(self.sources)):
            before = dict(zip([*self.sources][1:], self.sources, strict=False))
            edges = [(s, u) for u, sources in self.sources.items() for s in sources if s != before.get(u)]
        for source, unit in edges:
            if source in self.sources[unit]:
                self.sources[unit].remove(source)

    def _flow(self, source: int, unit: int) -> bool:
        """Notes that the structure shows this edge; whether there is one."""
        if source not in self.sources[unit]:
            return False
        self.flows.add((source, unit))
        return True
