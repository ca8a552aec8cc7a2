"""Sizes that a network with open ones is tried at: an example decides where an operator fits for some sizes only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Any

from archdsl.ir import Compound, Relation, symbols_of

USUAL = (224, 256, 512, 572, *range(32, 97), 1024)
"""The usual sizes, and one of each remainder by 64."""

FURTHER = tuple(2**power for power in range(5, 21))
"""Sizes near which others are looked for: waves are long, and what is stated may leave few."""

TIMES = (1, 2, 4)
"""How many times as large as one size another is tried, where the spec compares the two."""

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
        equations = [c for c in stated if isinstance(c, Relation) and c.is_equation]
        for times, first in product(TIMES, symbols):
            for size in (*USUAL, *fitting[first]):
                found = _together({first: size}, symbols, equations, times)
                if found is not None:
                    yield found


def _together(
    known: Mapping[str, int], symbols: Sequence[str], equations: Sequence[Relation], times: int
) -> dict[str, int] | None:
    """The sizes that equations give from known ones, others so many times as large as the first; None where there are none."""
    found = dict(known)
    (first,) = known.values()
    while left := [s for s in symbols if s not in found]:
        equation = next((e for e in equations if len(symbols_of(e) - found.keys()) == 1), None)
        if equation is None:
            found[left[0]] = times * first
            continue
        (name,) = symbols_of(equation) - found.keys()
        at_0, at_1 = (equation.size.at({**found, name: n}) for n in (0, 1))
        size, rest = divmod(-at_0, at_1 - at_0) if at_1 != at_0 else (0, 0)
        if rest or size < 1:
            return None
        found[name] = size
    return found


def _fitting(symbol: str, conditions: Sequence[Relation | Compound]) -> list[int]:
    """Sizes that meet the conditions on a symbol, those next to the further ones."""
    reach = REACH // max(1, len(conditions))
    found: list[int] = []
    for size in FURTHER:
        near = (n for by in range(reach) for n in (size + by, size - by) if n > 0)
        found += islice((n for n in near if all(c.at({symbol: n}) for c in conditions)), 1)
    return found
