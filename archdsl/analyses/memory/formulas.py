"""Bytes as formulas of the batch N and of the sizes that a spec leaves open, for batches of two or more.

A peak is the largest of many sums, one for each moment. A sum that is nowhere larger than another one is dropped: of those that
are alike in all that is open, the ones that the upper envelope of the lines `a + b N` does without; of others, those no term of
which has a larger factor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from math import lcm
from operator import ge
from typing import Any, NamedTuple

from archdsl.analyses.memory.inference import InferenceFacts
from archdsl.analyses.memory.play import Block
from archdsl.analyses.memory.saved import SavedFacts
from archdsl.analyses.memory.size import FloatType, Size, Stands, highest, of_type, total
from archdsl.analyses.memory.state import state_of
from archdsl.analyses.memory.training import TrainingFacts
from archdsl.ir import Domain, Network, Op, OpenSize, Terms, modules, open_size, symbols_of, value_of

SHOWN = 4
"""A peak of more sums than these is no formula that helps."""
BATCHES = (2, 3, 4, 8, 64, 512)
SCALES = (1, 2, 4)
SOUGHT = 1_000
"""Values that are looked through for the next that fits."""


class Formula(NamedTuple):
    """The largest of some sums `a + b N`."""

    sums: tuple[Size, ...]
    is_proved: bool = True
    """Whether none of the sums left out is ever larger; else they were compared at some sizes only."""

    def at(self, batch: int) -> int:
        return max(line.at(batch) for line in self.sums)


class MemoryFormulas(NamedTuple):
    """None stands for what is no formula: an operator asks for the value of an open size."""

    saved: Formula | None
    inference: Formula | None
    """The peak, with parameters, buffers and inputs."""
    training: Formula | None
    """The peak of a step, everything included."""


NO_FORMULAS = MemoryFormulas(None, None, None)


def memory_formulas(
    network: Network,
    dtype: FloatType,
    keep: Callable[[], SavedFacts],
    inference: Callable[[], InferenceFacts],
    train: Callable[[], TrainingFacts],
) -> MemoryFormulas:
    """The formulas of a network, which may have open sizes.

    Args:
        dtype: what it is in where it infers.
        keep: works out what a batch of two keeps for backward.
        inference: plays it for a batch of two.
        train: plays a training step for a batch of two.
    """
    peak = _formula(lambda: _inference(network, dtype, inference()))
    if in_pages(network):
        return NO_FORMULAS._replace(inference=peak)
    return MemoryFormulas(_formula(lambda: [keep().size]), peak, _formula(lambda: train().lines))


def in_pages(network: Network) -> tuple[str, ...]:
    """The operators that keep for backward what takes whole pages of memory, which no sum gives, by their names."""
    nodes = (node for module in modules(network) for node in module.nodes)
    kept = (
        (n.operator, n.operator.saved(n.operand_types, n.result_types)) for n in nodes if isinstance(n.operator, Op)
    )
    return tuple(dict.fromkeys(op.name for op, saved in kept if any(extra.in_pages for extra in saved.extra)))


def _inference(network: Network, dtype: FloatType, found: InferenceFacts) -> list[Size]:
    state, stands = state_of(network, dtype), Stands(dtype, dtype)
    held = total((Size(state.parameters + state.buffers), *(of_type(type, stands) for type in network.input_types)))
    lines: list[Size] = []
    before = set[Block]()
    for moment in found.moments:
        live = {*moment.live}
        held = held.plus(total(b.size for b in live - before)).minus(total(b.size for b in before - live))
        lines.append(held)
        before = live
    return lines or [held]


def _formula(lines: Any) -> Formula | None:
    try:
        return largest(lines())
    except OpenSize:
        return None


def largest(lines: Iterable[Size]) -> Formula:
    """What is left of sums of which the largest is meant."""
    alike: dict[object, dict[Size, Size]] = {}
    for line in lines:
        (fixed, a), (per_sample, b) = map(_apart, line)
        alike.setdefault((fixed, per_sample), {})[Size(a, b)] = line
    found = [group[line] for group in alike.values() for line in highest(group, 2)]
    if [*alike] == [((), ())]:
        return Formula(tuple(found))
    factors = dict(zip(found, _factors(found), strict=True))
    example = _domain(found).example
    largest_first = sorted(found, key=lambda line: -_at(line, example).at(BATCHES[0]))
    kept: dict[Size, Sequence[int]] = {}
    for line in largest_first:  # none is dominated by one that is smaller at the example
        own = factors[line]
        if not any(all(map(ge, other, own)) for other in kept.values()):  # sizes and the batch are no less than 0
            kept[line] = own
    left = [line for line in found if line in kept]
    return Formula(tuple(left)) if len(left) <= SHOWN else Formula(tuple(_winners(left)), is_proved=False)


def _apart(value: int) -> tuple[object, int]:
    """The terms of a formula that grow with its symbols, and the number that is left."""
    size = open_size(value)
    if size is None:
        return (), value
    terms = dict(size.terms)
    constant = terms.pop((), 0)
    return tuple(terms.items()), constant


def _factors(lines: Iterable[Size]) -> list[tuple[int, ...]]:
    """Of each sum the factors of all products of sizes that there are in some, the empty one among them, as many times as
    large as makes them whole."""
    parts = [tuple(map(_products, line)) for line in lines]
    places = dict.fromkeys((i, product) for part in parts for i, products in enumerate(part) for product in products)
    whole = lcm(*(factor.denominator for part in parts for products in part for factor in products.values()))
    return [tuple([int(part[i].get(product, 0) * whole) for i, product in places]) for part in parts]


def _products(value: int) -> Mapping[Any, Fraction | int]:
    """A number, or the products of sizes in a formula, with their factors."""
    size = open_size(value)
    return {(): value} if size is None else size.domain.exact(size)


def _winners(lines: Sequence[Size]) -> list[Size]:
    """Those that are the largest at some of the sizes tried, for some batch."""
    parts = [tuple(map(_terms, line)) for line in lines]
    monomials = dict.fromkeys(monomial for part in parts for terms in part for monomial, _ in terms)
    found: dict[Size, None] = {}
    for values in _tried(_domain(lines)):
        at = {monomial: value_of(((monomial, 1),), values) for monomial in monomials}
        sums = [tuple(sum([at[m] * factor for m, factor in terms]) for terms in part) for part in parts]
        for batch in BATCHES:
            totals = [fixed + batch * per_sample for fixed, per_sample in sums]
            found[lines[totals.index(max(totals))]] = None
    return [*found]


def _tried(domain: Domain) -> Iterator[Mapping[str, int]]:
    """Sizes at which sums are compared: multiples of the example's, and down from there to the least that fit, for each
    symbol alone, for all but one and for all together."""
    example = domain.example
    ladders = {name: _down(domain, name) for name in example}
    names = dict.fromkeys(s for k in (1, len(example) - 1, len(example)) for s in combinations(example, k) if s)
    yield from ({name: scale * value for name, value in example.items()} for scale in SCALES)
    for moved in names:
        for step in range(max(len(ladders[name]) for name in moved)):
            values = {n: ladders[n][min(step, len(ladders[n]) - 1)] if n in moved else v for n, v in example.items()}
            if all(condition.at(values) for condition in domain.conditions):
                yield values


def _down(domain: Domain, name: str) -> list[int]:
    """Half the example's value or what fits next below, half of that, and so on to the least that fits."""
    known, value = domain.values(name), domain.example[name]
    about = [c for c in domain.conditions if symbols_of(c) == {name}]
    least = known.values[0] if known is not None and known.values else value
    found = [value]
    while (value := value // 2) > least:
        near = range(value, max(least, value - SOUGHT), -1)
        value = next((v for v in near if all(c.at({name: v}) for c in about)), least)
        found.append(value)
    return [*found, least]


def _domain(lines: Iterable[Size]) -> Domain:
    """What is open in sums of which some are."""
    return next(size.domain for line in lines for n in line if (size := open_size(n)) is not None)


def _terms(value: int) -> Terms:
    size = open_size(value)
    return (((), value),) if size is None else size.terms


def _at(line: Size, values: Mapping[str, int]) -> Size:
    return Size(*(n if (size := open_size(n)) is None else size.at(values) for n in line))
