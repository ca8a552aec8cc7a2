"""`archdsl report formulas`: totals as formulas of the batch N, of open sizes, and of parameters that are whole numbers."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from archdsl.analyses import Facts
from archdsl.analyses.memory import Formula, MemoryFormulas, Size, TrainingSettings
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
_EQUAL_FACTORS = re.compile(r"(?<!\w)([^\W\d]\w*|\([^()]*\))(?:\*\1(?!\w))+")
TOTALS = ("kept for backward", "inference peak", "training peak")


class Power(NamedTuple):
    """The terms of the multiply-adds of one degree."""

    degree: int
    macs: int
    operators: tuple[str, ...]


class Bytes(NamedTuple):
    """A figure of memory with what it is a formula for."""

    formula: Formula
    at: dict[str, int]
    """The values of what it is no formula of."""


def report(subject: Subject, options: Options) -> list[Table]:
    """Counts of one sample, with what grows by each power apart; bytes for N samples, N of two or more."""
    network = _general(subject)
    rows = (*_counts(network.facts), *_bytes(subject, network))
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
    if network.domain.example:
        yield (Piece(f"for {network.symbols()}", "dim"),)


def _counts(facts: Facts) -> Iterator[Row]:
    total = facts.cost.total
    yield row("params", _text(total.params), None)
    yield row("MACs", _text(total.macs), None)
    for power in _powers(facts):
        yield row(text(f"degree {power.degree}", "dim"), _text(power.macs), natural(power.operators), indent=1)
    yield row("activations", _text(facts.cost.values), "values that lectures count")


def _text(formula: int) -> str:
    """As exact numbers are written, with powers: `144*features^2*(size//16)^2`."""
    return _EQUAL_FACTORS.sub(lambda found: f"{found[1]}^{found[0].count(found[1])}", exact(formula))


def _powers(facts: Facts) -> Iterator[Power]:
    """The terms of the multiply-adds, each with the operators that it comes from."""
    total = open_size(facts.cost.total.macs)
    if total is None:
        return
    found: dict[int, list[str]] = defaultdict(list)
    for layer in facts.listing.layers:
        macs = open_size(facts.cost.nodes[layer.node].macs)
        for degree in {} if macs is None else {len(monomial) for monomial, _ in macs.terms}:
            found[degree].append(layer.op.name)
    for degree, names in sorted(found.items(), reverse=True):
        part = total.of_degree(degree)
        if part != 0:
            yield Power(degree, part, tuple(dict.fromkeys(names)))


def _memory(subject: Subject, general: ForAll) -> tuple[Bytes | None, ...]:
    """The totals of memory: of all symbols, else of those that the spec leaves open, else of the batch alone."""
    settings = subject.training.settings if subject.training is not None else TrainingSettings()
    example = general.domain.example
    found: list[Bytes | None] = [None] * len(MemoryFormulas._fields)
    for network in (general, subject.for_all, ForAll(subject.facts, Domain({}))):
        if network is None or None not in found:
            continue
        at = {name: value for name, value in example.items() if name not in network.domain.example}
        formulas = network.facts.memory_formulas(settings)
        found = [b or (Bytes(f, at) if f is not None else None) for b, f in zip(found, formulas, strict=True)]
    return tuple(found)


def _bytes(subject: Subject, general: ForAll) -> Iterator[Row]:
    settings = subject.training.settings if subject.training is not None else TrainingSettings()
    words = ("", "parameters and inputs included", f"with {settings.optimizer}")
    for name, found, said in zip(TOTALS, _memory(subject, general), words, strict=True):
        if found is None:
            yield row(name, "-", None)
        else:
            at = f"at {natural([f'{name} = {value}' for name, value in found.at.items()])}" if found.at else ""
            at = "at the values below" if found.at == general.domain.example else at
            tried = "" if found.formula.is_proved else "the largest at the sizes tried"
            yield row(name, _shown(found.formula), ", ".join(filter(None, ("bytes", said, at, tried))))


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
    total = network.facts.cost.total
    saved, inference, training = (_largest(found) for found in _memory(subject, network))
    return schema.Formulas(
        parameters=network.domain.example,
        fits=tuple(fit for fit, _ in network.domain.explained()),
        params=size(total.params),
        macs=size(total.macs),
        powers=tuple(
            schema.Power(degree=p.degree, macs=size(p.macs), operators=p.operators) for p in _powers(network.facts)
        ),
        activations=size(network.facts.cost.values),
        saved_for_backward=saved,
        inference_peak=inference,
        training_peak=training,
    )


def _largest(found: Bytes | None) -> schema.LargestOf | None:
    if found is None:
        return None
    sums = tuple((size(line.fixed), size(line.per_sample)) for line in found.formula.sums)
    return schema.LargestOf(sums=sums, parameters=found.at, is_proved=found.formula.is_proved)
