"""Bytes as formulas of the batch N and of the sizes that a spec leaves open, for batches of two or more.

A peak is the largest of many sums, one for each moment. A sum that is nowhere larger than another one is dropped: of those that
are alike in all that is open, the ones that the upper envelope of the lines `a + b N` does without; of others, those no term of
which has a larger factor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import product
from typing import Any, NamedTuple

from archdsl.analyses.memory.inference import InferenceFacts
from archdsl.analyses.memory.saved import SavedFacts
from archdsl.analyses.memory.size import Size, highest, of_type, total
from archdsl.analyses.memory.state import state_of
from archdsl.analyses.memory.training import TrainingFacts
from archdsl.ir import Network, Op, OpenSize, modules, open_size

SHOWN = 4
"""A peak of more sums than these is no formula that helps."""
BATCHES = (2, 8, 64, 512)
SCALES = (1, 2, 4)


Factors = Mapping[Any, Fraction | int]
"""By products of sizes."""


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
    keep: Callable[[], SavedFacts],
    inference: Callable[[], InferenceFacts],
    train: Callable[[], TrainingFacts],
) -> MemoryFormulas:
    """The formulas of a network, which may have open sizes.

    Args:
        keep: works out what a batch of two keeps for backward.
        inference: plays it for a batch of two.
        train: plays a training step for a batch of two.
    """
    peak = _formula(lambda: _inference(network, inference()))
    if _has_pages(network):
        return NO_FORMULAS._replace(inference=peak)
    return MemoryFormulas(_formula(lambda: [keep().size]), peak, _formula(lambda: train().lines))


def _has_pages(network: Network) -> bool:
    """Whether what is kept for backward takes whole pages of memory, which no sum gives."""
    nodes = (node for module in modules(network) for node in module.nodes)
    kept = (n.operator.saved(n.operand_types, n.result_types) for n in nodes if isinstance(n.operator, Op))
    return any(extra.in_pages for saved in kept for extra in saved.extra)


def _inference(network: Network, found: InferenceFacts) -> list[Size]:
    parameters, buffers = state_of(network)
    held = total((Size(parameters + buffers), *(of_type(type) for type in network.input_types)))
    return [held.plus(total(block.size for block in moment.live)) for moment in found.moments] or [held]


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
    factors = {line: tuple(map(_factors, line)) for line in found}
    example = _example(found)
    largest_first = sorted(found, key=lambda line: -_at(line, example).at(BATCHES[0]))
    kept: dict[Size, tuple[Factors, ...]] = {}
    for line in largest_first:  # none is dominated by one that is smaller at the example
        if not any(_dominates(other, factors[line]) for other in kept.values()):
            kept[line] = factors[line]
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


def _factors(value: int) -> Factors:
    """The factor of each product of sizes, that of the empty one for a number."""
    size = open_size(value)
    if size is None:
        return {(): value}
    return {term: int(c) if c.denominator == 1 else c for term, c in size.domain.exact(size).items()}


def _dominates(one: Sequence[Factors], other: Sequence[Factors]) -> bool:
    """Whether no term of the other sum has a larger factor: sizes and the batch are no less than 0."""
    return all(a.get(term, 0) >= b.get(term, 0) for a, b in zip(one, other, strict=True) for term in {**a, **b})


def _winners(lines: Sequence[Size]) -> list[Size]:
    """Those that are the largest at some multiple of the example's sizes, for some batch."""
    example = _example(lines)
    found: dict[Size, None] = {}
    for scale, batch in product(SCALES, BATCHES):
        values = {name: scale * value for name, value in example.items()}
        found[max(lines, key=lambda line: _at(line, values).at(batch))] = None
    return [*found]


def _example(lines: Iterable[Size]) -> Mapping[str, int]:
    """The values of what is open in sums of which some are."""
    return next(size.domain.example for line in lines for n in line if (size := open_size(n)) is not None)


def _at(line: Size, values: Mapping[str, int]) -> Size:
    return Size(*(n if (size := open_size(n)) is None else size.at(values) for n in line))
