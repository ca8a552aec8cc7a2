"""Sizes that a network with open ones is tried at: an example decides where an operator fits for some sizes only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from archdsl.ir import LARGEST_SIZE, Compound, Relation, symbols_of

USUAL = (224, 256, 512, 572, *range(32, 97), 1024)
"""The usual sizes, and one of each remainder by 64."""

FURTHER = tuple(2**power for power in range(5, 21))
"""Sizes near which others are looked for: waves are long, and what is stated may leave few."""

COMPARED = 32
"""Of so many sizes times conditions at the most, sizes are looked for that meet conditions together."""

REACH = 1_000
"""How far from one of them a size is looked for that meets what is stated of it."""


def examples(
    symbols: Sequence[str], named: Iterable[Mapping[str, Any]], stated: Sequence[Relation | Compound]
) -> Iterator[dict[str, int]]:
    """Values of the symbols to try, each once, those named in the spec first.

    Args:
        stated: what the spec asks of them. It is read anew for each: a network that was tried knows more of it.
    """
    tried: list[dict[str, int]] = []
    for example in _candidates(symbols, named, stated):
        if example not in tried and all(c.at(example) for c in stated):
            tried.append(example)
            yield example


def _candidates(
    symbols: Sequence[str], named: Iterable[Mapping[str, Any]], stated: Sequence[Relation | Compound]
) -> Iterator[dict[str, int]]:
    yield from ({s: int(sizes[s]) for s in symbols} for sizes in named)
    yield from (dict.fromkeys(symbols, n) for n in USUAL)
    fitting = {s: _fitting(s, [c for c in stated if symbols_of(c) == {s}]) for s in symbols}
    if all(fitting.values()):
        for size in FURTHER:
            yield {s: min(sizes, key=lambda n: abs(n - size)) for s, sizes in fitting.items()}
    if any(len(symbols_of(c)) > 1 for c in stated) and len(symbols) * len(stated) <= COMPARED:
        for first in symbols:
            for size in (*USUAL, *fitting[first]):
                found = _together({first: size}, fitting, stated)
                if found is not None:
                    yield found


def _together(
    known: Mapping[str, int], fitting: Mapping[str, Sequence[int]], stated: Sequence[Relation | Compound]
) -> dict[str, int] | None:
    """The sizes that conditions give from a known one, others as large as that; None where one meets no size tried."""
    found = dict(known)
    equations_first = sorted(stated, key=lambda c: not isinstance(c, Relation) or not c.is_equation)
    while len(found) < len(fitting):
        of_one = (symbols_of(c) - found.keys() for c in equations_first if len(symbols_of(c)) > 1)
        (name,) = next((names for names in of_one if len(names) == 1), [next(s for s in fitting if s not in found)])
        asked = [c for c in equations_first if symbols_of(c) - found.keys() == {name}]
        boundaries = (_boundary(c, name, found) for c in asked if isinstance(c, Relation))
        tried = (n for n in (*boundaries, *known.values(), *fitting[name]) if 1 <= n <= LARGEST_SIZE)
        size = next((n for n in tried if all(c.at({**found, name: n}) for c in asked)), None)
        if size is None:
            return None
        found[name] = size
    return found


def _boundary(relation: Relation, name: str, known: Mapping[str, int]) -> int:
    """The last size that a relation holds for, if it grows evenly with that size; 0 if it does not grow."""
    at_0, at_1 = (relation.size.at({**known, name: n}) for n in (0, 1))
    growth = at_1 - at_0
    return -(at_0 // growth) if growth > 0 else at_0 // -growth if growth < 0 else 0


def _fitting(symbol: str, conditions: Sequence[Relation | Compound]) -> list[int]:
    """Sizes that meet the conditions on a symbol, those next to the further ones."""
    reach = REACH // max(1, len(conditions))
    found: list[int] = []
    for size in FURTHER:
        near = (n for by in range(reach) for n in (size + by, size - by) if n > 0)
        found += islice((n for n in near if all(c.at({symbol: n}) for c in conditions)), 1)
    return found
