"""Totals as formulas: of the batch, of open sizes, and of parameters that are whole numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from itertools import chain
from typing import NamedTuple

from archdsl.analyses.facts import Facts
from archdsl.analyses.growth.growth import Growth
from archdsl.analyses.memory import Formula, MemoryFormulas, Size, TrainingSettings
from archdsl.ir import Domain, open_size

MOST_SIMULATED = 100_000
"""Operators whose memory is worked out, in all networks that tell how it grows, times the square of their symbols."""


class ForAll(NamedTuple):
    """The network for all its sizes that are open, and perhaps some of its parameters: its figures are formulas."""

    facts: Facts
    domain: Domain
    kept: Mapping[str, int] = {}
    """Parameters that keep their values: those that were given, and those that decide what there is."""
    growth: Growth | None = None
    """The network at several values of the parameters that count turns of its loops; the domain has these too."""

    counts_alone: Callable[[], Growth | None] = lambda: None
    """The same with a value for all that is open: for figures that have no formula of it."""

    def figures(self, of: Callable[[Facts], Sequence[int]]) -> tuple[int, ...]:
        """Counts of the network as formulas, which it is known to have."""
        found = self.growth.figures(of) if self.growth is not None else tuple(of(self.facts))
        assert found is not None
        return found

    def symbols(self) -> str:
        """What values fit: `H % 16 == 12 and H >= 188`."""
        return ", ".join(text for text, _ in self.domain.explained()) or f"any {', '.join(self.domain.example)}"


class Totals(NamedTuple):
    """The counts of one sample."""

    params: int
    macs: int
    activations: int
    """Values that lectures count."""


class Power(NamedTuple):
    """The terms of the multiply-adds of one degree."""

    degree: int
    macs: int
    operators: tuple[str, ...]


class MemoryTotal(NamedTuple):
    """A figure of memory with what it is a formula for."""

    formula: Formula
    symbols: Set[str]
    least: Mapping[str, int] = {}
    """Values that it holds from on, of parameters that count turns."""
    at: Mapping[str, int] = {}
    """The values of what it is no formula of."""


NONE: tuple[MemoryTotal | None, ...] = (None,) * len(MemoryFormulas._fields)


def totals(network: ForAll) -> Totals:
    """The counts, as formulas."""
    return Totals(*network.figures(lambda facts: (facts.cost.total.params, facts.cost.total.macs, facts.cost.values)))


def powers(network: ForAll, macs: int) -> Iterator[Power]:
    """The terms of the multiply-adds, each with the operators that it comes from; none where these are no formula."""
    total = open_size(macs)
    if total is None:
        return
    names = tuple(dict.fromkeys(layer.op.name for layer in network.facts.listing.layers))
    of_names = zip(names, network.figures(lambda facts: _macs(facts, names)), strict=True)
    degrees = {
        name: found.by_degree() if (found := open_size(macs)) is not None else {0: macs}
        for name, macs in of_names
        if macs != 0
    }
    for degree, part in total.by_degree().items():
        yield Power(degree, part, tuple(name for name in names if degree in degrees.get(name, ())))


def _macs(facts: Facts, names: Iterable[str]) -> tuple[int, ...]:
    """The multiply-adds of all operators of each name."""
    found: dict[str, int] = defaultdict(int)
    for layer in facts.listing.layers:
        if not layer.training:
            found[layer.op.name] += facts.cost.nodes[layer.node].macs * layer.times
    return tuple(found[name] for name in names)


def memory_totals(
    general: ForAll, in_open: ForAll | None, facts: Facts, settings: TrainingSettings
) -> tuple[MemoryTotal | None, ...]:
    """The totals of `MemoryFormulas`, in their order: of all symbols, else of those that count no turns, else of those that
    the spec leaves open, else of those that count turns, else of the batch alone.

    Args:
        general: the network for all values that are known to be of use.
        in_open: the same for open sizes alone, where there are some.
        facts: of the network at some values of all of them.
    """
    sources: tuple[Callable[[], Iterable[MemoryTotal | None]], ...] = (
        lambda: _grown(general.growth, settings),
        lambda: _of(general, settings),
        lambda: _of(in_open, settings),
        lambda: _grown(general.counts_alone(), settings),
        lambda: _of(ForAll(facts, Domain({})), settings),
    )
    found = NONE
    for source in sources:
        if None in found:
            found = tuple(one or other for one, other in zip(found, source(), strict=True))
    at = [{} if b is None else {n: v for n, v in general.domain.example.items() if n not in b.symbols} for b in found]
    return tuple(b and b._replace(at=values) for b, values in zip(found, at, strict=True))


def _of(network: ForAll | None, settings: TrainingSettings) -> Iterator[MemoryTotal | None]:
    """The totals of memory of a network with the turns that it has."""
    if network is None:
        yield from NONE
        return
    counts = network.growth.counts if network.growth is not None else ()
    for formula in network.facts.memory_formulas(settings):
        yield None if formula is None else MemoryTotal(formula, network.domain.example.keys() - {*counts})


def _grown(growth: Growth | None, settings: TrainingSettings) -> Iterator[MemoryTotal | None]:
    """The totals of memory by what counts turns, where they are polynomials of that."""
    if growth is None or _work(growth) > MOST_SIMULATED:
        yield from NONE
        return
    formulas = {facts: facts.memory_formulas(settings) for facts in growth.built.values()}
    for number, name in enumerate(MemoryFormulas._fields):
        of = {facts: () if (f := found[number]) is None else tuple(chain(*f.sums)) for facts, found in formulas.items()}
        regular = growth.regular(of.__getitem__)
        if regular is None or not regular.figures:
            yield None
            continue
        numbers = iter(regular.figures)
        sums = tuple(Size(fixed, per_sample) for fixed, per_sample in zip(numbers, numbers, strict=True))
        least = dict.fromkeys(growth.counts, regular.first) if regular.first > growth.first else {}
        yield MemoryTotal(Formula(sums, is_proved=name == "saved"), growth.domain.example.keys(), least)


def _work(growth: Growth) -> int:
    return sum(len(facts.listing.layers) for facts in growth.built.values()) * len(growth.domain.example) ** 2
