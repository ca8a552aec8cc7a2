"""How figures grow with the numbers that count the turns of a network's loops.

A network has as many turns as its graph says, so no size that is left open can count them. It is built at several values
instead, and its figures are the polynomials through those that it has there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import product
from types import MappingProxyType
from typing import NamedTuple

from archdsl.analyses.facts import Facts
from archdsl.ir import Domain, OpenSize, at_least, through, unrolled

FIRST = (1, 2, 3)
"""From one of these values on a figure is regular, or it is taken for none that is."""
SMALL = (1, 2, 3, 4, 5, 6, 8)
"""It is built at these values, of two counts at no more together with their own."""
MOST = 2
"""So many counts are tried together: the networks to build are as many as the product of their values."""

Build = Callable[[Mapping[str, int]], Facts | None]
"""Builds the network at values of counts; None where it does not hold together there. Raises `OpenSize` where the values
decide what there is."""


class Regular(NamedTuple):
    """Figures as formulas, and the value of the counts that they hold from on."""

    figures: tuple[int, ...]
    first: int


class Growth:
    """A network at several values of its counts.

    Args:
        domain: of its sizes that are open, and of its counts with the values that they have.
        counts: the names of the counts.
        built: the network at all combinations of their values.
        first: the value of each count from which on its figures are regular.
        refused: values of counts with which it does not hold together.
    """

    def __init__(
        self,
        domain: Domain,
        counts: Sequence[str],
        built: Mapping[tuple[int, ...], Facts],
        first: int = FIRST[0],
        refused: Mapping[str, Sequence[int]] = MappingProxyType({}),
    ) -> None:
        self.domain = domain
        self.counts = tuple(counts)
        self.built = {at: facts for at, facts in built.items() if min(at) >= first}
        self.first = first
        self.refused = refused

    @property
    def values(self) -> dict[str, tuple[int, ...]]:
        """The values of each count that the network was built at."""
        return {name: tuple(dict.fromkeys(at[i] for at in self.built)) for i, name in enumerate(self.counts)}

    @property
    def is_of_turns(self) -> bool:
        """Whether there are more operators with some values than with others."""
        return len({unrolled(facts.network) for facts in self.built.values()}) > 1

    def regular(self, of: Callable[[Facts], Sequence[int]]) -> Regular | None:
        """Figures of the network as formulas, its counts among their symbols, from the least value on that is possible."""
        for first in (n for n in FIRST if n >= self.first):
            found = self.figures(of, first)
            if found is not None:
                return Regular(found, first)
        return None

    def figures(self, of: Callable[[Facts], Sequence[int]], first: int = 1) -> tuple[int, ...] | None:
        """The formulas of figures for counts of no less than the first value.

        None where they are no polynomials, or where the network has fewer turns than that.
        """
        if any(self.domain.example[name] < first for name in self.counts):
            return None
        built = {at: of(facts) for at, facts in self.built.items() if min(at) >= first}
        if len({len(figures) for figures in built.values()}) != 1:
            return None
        columns = [dict(zip(built, column, strict=True)) for column in zip(*built.values(), strict=True)]
        found = [through(column, self.counts, self.domain) for column in columns]
        return None if None in found else tuple(n for n in found if n is not None)


def growth(build: Build, domain: Callable[[], Domain], counts: Mapping[str, int]) -> Growth | None:
    """A network at several values of those of its parameters that count turns, and do nothing else; where none does, of those
    that its figures alone depend on; None where none do.

    Args:
        domain: of the sizes that are open where the network is built; a new one each time.
        counts: the parameters that may count turns, with their values.
    """
    differs = {name: _differs(build, name, value) for name, value in counts.items() if value >= 1}
    for kind in ("operators", "figures"):
        found: Growth | None = None
        for name in (name for name, what in differs.items() if what == kind):
            tried = {n: counts[n] for n in (*(found.counts if found is not None else ()), name)}
            if len(tried) <= MOST:
                found = _grown(build, domain, tried) or found
        if found is not None:
            return found
    return None


def _differs(build: Build, name: str, value: int) -> str:
    """What differs in a network with the next value that it holds together with: `operators`, else `figures`, else nothing."""
    try:
        here = build({name: value})  # what decides what there is often does so here
        others = (build({name: v}) for v in SMALL if v != value)
        other = next(filter(None, others), None)
    except OpenSize:
        return ""
    if here is None or other is None:
        return ""
    if unrolled(here.network) != unrolled(other.network):
        return "operators"
    return "figures" if _counts(here) != _counts(other) else ""


def _grown(build: Build, domain: Callable[[], Domain], counts: Mapping[str, int]) -> Growth | None:
    @cache
    def at(*places: int) -> Facts | None:
        return build(dict(zip(counts, places, strict=True)))

    open = domain()
    try:
        own = tuple(counts.values())
        axes = [
            [v for v in _values(value, len(counts)) if at(*own[:i], v, *own[i + 1 :])] for i, value in enumerate(own)
        ]
        built = {places: at(*places) for places in product(*axes)}
    except OpenSize:
        return None
    whole = {places: facts for places, facts in built.items() if facts is not None}
    if len(whole) < len(built):
        return None
    open.example.update(counts)
    found = Growth(open, tuple(counts), whole).regular(_counts)
    if found is None:
        return None
    for name in counts if found.first > 1 else ():
        least = at_least(open.size(name), found.first)
        assert not isinstance(least, bool)
        open.state(least)
    refused = {
        name: left
        for name, values, at in zip(counts, axes, counts.values(), strict=True)
        if (left := [v for v in _values(at, len(counts)) if v >= found.first and v not in values])
    }
    return Growth(open, tuple(counts), whole, found.first, refused)


def _values(value: int, counts: int) -> list[int]:
    """The values of a count that a network is built at: small ones, its own, and larger ones to put a formula to the test."""
    if counts == 1:
        return sorted({*SMALL, value, value + 1, 2 * value})
    return sorted([*dict.fromkeys((value, value + 1, *SMALL))][: len(SMALL)])


def _counts(facts: Facts) -> tuple[int, ...]:
    return (*facts.cost.total, facts.cost.values)
