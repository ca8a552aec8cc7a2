"""`archdsl report formulas`: totals as formulas of the batch N, of open sizes, and of parameters that are whole numbers."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from functools import reduce
from itertools import chain
from typing import NamedTuple

from archdsl.analyses import Facts
from archdsl.analyses.growth import Growth
from archdsl.analyses.memory import Formula, MemoryFormulas, Size, TrainingSettings, in_pages
from archdsl.ir import Domain, open_size
from archdsl.reports.json import schema_formulas as schema
from archdsl.reports.json.schema_parts import size
from archdsl.reports.layers import setting, title
from archdsl.reports.numbers import exact
from archdsl.reports.options import Options
from archdsl.reports.subject import ForAll, Subject
from archdsl.reports.table import Column, Row, Table, natural, row, text
from archdsl.source.styled import Piece

COLUMNS = (Column("total", "total"), Column("formula", "formula", wraps=True), Column("from", "", wraps=True))
_NESTED = reduce(lambda inside, _: rf"\((?:[^()]|{inside})*\)", range(3), r"\([^()]*\)")
_EQUAL_FACTORS = re.compile(rf"(?<!\w)([^\W\d]\w*|{_NESTED})(?:\*\1(?!\w))+")
MOST_SIMULATED = 100_000
"""Operators whose memory is worked out, in all networks that tell how it grows, times the square of their symbols."""
TOTALS = ("kept for backward", "inference peak", "training peak")


class Power(NamedTuple):
    """The terms of the multiply-adds of one degree."""

    degree: int
    macs: int
    operators: tuple[str, ...]


class Bytes(NamedTuple):
    """A figure of memory with what it is a formula for."""

    formula: Formula
    symbols: Set[str]
    least: Mapping[str, int] = {}
    """Values that it holds from on, of parameters that count turns."""
    at: Mapping[str, int] = {}
    """The values of what it is no formula of."""


NONE: tuple[Bytes | None, ...] = (None,) * len(MemoryFormulas._fields)


def report(subject: Subject, options: Options) -> list[Table]:
    """Counts of one sample, with what grows by each power apart; bytes for N samples, N of two or more."""
    network = _general(subject)
    rows = (*_counts(network), *_bytes(subject, network))
    words = "a sample has the counts; N samples, two or more, have the bytes"
    head = title(subject, setting(subject))
    notes = ((Piece(words, "dim"),), *_symbols(subject, network))
    return [Table("formulas", COLUMNS, rows, (), head, notes, is_list=True)]


def _general(subject: Subject) -> ForAll:
    """The network for all values that are known to be of use."""
    return subject.in_parameters or subject.for_all or ForAll(subject.facts, Domain({}))


def _symbols(subject: Subject, network: ForAll) -> Iterator[tuple[Piece, ...]]:
    """What the symbols are, and what values of them fit."""
    open_sizes = {name for name, _ in subject.bindings}
    own = [f"{name} = {value}" for name, value in network.domain.example.items() if name not in open_sizes]
    if own:
        yield (Piece(f"{natural(own)} here", "dim"),)
    if network.kept:
        kept = natural([f"{name} = {value}" for name, value in network.kept.items()])
        yield (Piece(f"{kept} {'keeps its value' if len(network.kept) == 1 else 'keep their values'}", "dim"),)
    if network.growth is not None:
        for name, values in network.growth.values.items():
            what = f"{name} counts turns" if network.growth.is_of_turns else name
            yield (Piece(f"{what}: formulas through the figures at {_listed(values)}", "dim"),)
            if name in network.growth.refused:
                refused = natural([f"{value:_}" for value in network.growth.refused[name]])
                yield (Piece(f"with {name} = {refused} it does not hold together", "dim"),)
    if network.domain.example:
        yield (Piece(f"for {network.symbols()}", "dim"),)


def _listed(values: tuple[int, ...]) -> str:
    """`1 to 6, 12, 13 and 24`."""
    row = next(i for i, value in enumerate((*values, 0)) if value != values[0] + i)
    return natural([f"{values[0]} to {values[row - 1]}", *map(str, values[row:])])


class Totals(NamedTuple):
    """The counts of one sample."""

    params: int
    macs: int
    activations: int


def _totals(network: ForAll) -> Totals:
    return Totals(*network.figures(lambda facts: (facts.cost.total.params, facts.cost.total.macs, facts.cost.values)))


def _counts(network: ForAll) -> Iterator[Row]:
    total = _totals(network)
    yield row("params", _text(total.params), None)
    yield row("MACs", _text(total.macs), None)
    for power in _powers(network, total.macs):
        yield row(text(f"degree {power.degree}", "dim"), _text(power.macs), natural(power.operators), indent=1)
    yield row("activations", _text(total.activations), "values that lectures count")


def _text(formula: int) -> str:
    """As exact numbers are written, with powers: `144*features^2*(size//16)^2`."""
    return _EQUAL_FACTORS.sub(lambda found: f"{found[1]}^{found[0].count(found[1])}", exact(formula))


def _powers(network: ForAll, macs: int) -> Iterator[Power]:
    """The terms of the multiply-adds, each with the operators that it comes from."""
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


def _memory(subject: Subject, general: ForAll) -> tuple[Bytes | None, ...]:
    """The totals of memory: of all symbols, else of those that count no turns, else of those that the spec leaves open,
    else of those that count turns, else of the batch alone."""
    settings = subject.training.settings if subject.training is not None else TrainingSettings()
    example = general.domain.example
    sources: tuple[Callable[[], Iterable[Bytes | None]], ...] = (
        lambda: _grown_memory(general.growth, settings),
        lambda: _memory_of(general, settings),
        lambda: _memory_of(subject.for_all, settings),
        lambda: _grown_memory(general.counts_alone(), settings),
        lambda: _memory_of(ForAll(subject.facts, Domain({})), settings),
    )
    found = NONE
    for source in sources:
        if None in found:
            found = tuple(one or other for one, other in zip(found, source(), strict=True))
    at = [{} if b is None else {n: v for n, v in example.items() if n not in b.symbols} for b in found]
    return tuple(b and b._replace(at=values) for b, values in zip(found, at, strict=True))


def _memory_of(network: ForAll | None, settings: TrainingSettings) -> Iterator[Bytes | None]:
    """The totals of memory of a network with the turns that it has."""
    if network is None:
        yield from NONE
        return
    counts = network.growth.counts if network.growth is not None else ()
    for formula in network.facts.memory_formulas(settings):
        yield None if formula is None else Bytes(formula, network.domain.example.keys() - {*counts})


def _grown_memory(growth: Growth | None, settings: TrainingSettings) -> Iterator[Bytes | None]:
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
        yield Bytes(Formula(sums, is_proved=name == "saved"), growth.domain.example.keys(), least)


def _work(growth: Growth) -> int:
    return sum(len(facts.listing.layers) for facts in growth.built.values()) * len(growth.domain.example) ** 2


def _bytes(subject: Subject, general: ForAll) -> Iterator[Row]:
    settings = subject.training.settings if subject.training is not None else TrainingSettings()
    words = ("", "parameters and inputs included", f"with {settings.optimizer}")
    for name, found, said in zip(TOTALS, _memory(subject, general), words, strict=True):
        if found is None:
            pages = in_pages(subject.facts.network)
            keeps = "keeps" if len(pages) == 1 else "keep"
            why = (
                f"no formula: {natural(pages)} {keeps} workspaces for backward in whole pages of memory"
                if pages
                else None
            )
            yield row(name, "-", why)
        else:
            at = f"at {natural([f'{name} = {value}' for name, value in found.at.items()])}" if found.at else ""
            at = "at the values below" if len(found.at) > 1 and len(found.at) == len(general.domain.example) else at
            least = natural([f"{name} >= {value}" for name, value in found.least.items()])
            tried = "" if found.formula.is_proved else "the largest at the sizes tried"
            yield row(name, _shown(found.formula), ", ".join(filter(None, ("bytes", said, at, least, tried))))


def _shown(formula: Formula) -> str:
    sums = [_sum(line) for line in formula.sums]
    return sums[0] if len(sums) == 1 else f"max({', '.join(sums)})"


def _sum(line: Size) -> str:
    """`1_204 + 4_096*N`."""
    per_sample = _text(line.per_sample)
    if " " in per_sample or "//" in per_sample:
        per_sample = f"({per_sample})"
    parts = [_text(line.fixed)] if line.fixed != 0 or line.per_sample == 0 else []
    return " + ".join([*parts, *([f"{per_sample}*N"] if line.per_sample != 0 else [])])


def formulas_data(subject: Subject, network: ForAll) -> schema.Formulas:
    """The same as data."""
    total = _totals(network)
    powers = _powers(network, total.macs)
    saved, inference, training = (_largest(found) for found in _memory(subject, network))
    return schema.Formulas(
        parameters=network.domain.example,
        counts=network.growth.values if network.growth is not None else {},
        fits=tuple(fit for fit, _ in network.domain.explained()),
        params=size(total.params),
        macs=size(total.macs),
        powers=tuple(schema.Power(degree=p.degree, macs=size(p.macs), operators=p.operators) for p in powers),
        activations=size(total.activations),
        saved_for_backward=saved,
        inference_peak=inference,
        training_peak=training,
    )


def _largest(found: Bytes | None) -> schema.LargestOf | None:
    if found is None:
        return None
    sums = tuple((size(line.fixed), size(line.per_sample)) for line in found.formula.sums)
    return schema.LargestOf(
        sums=sums, parameters=dict(found.at), least=dict(found.least), is_proved=found.formula.is_proved
    )
