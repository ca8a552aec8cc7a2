"""`archdsl report formulas`: totals as formulas of the batch N and of the sizes that the spec leaves open."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from archdsl.analyses import Facts
from archdsl.analyses.memory import Formula, Size, TrainingSettings
from archdsl.ir import Layer, open_size
from archdsl.reports.layers import setting, title
from archdsl.reports.numbers import exact
from archdsl.reports.options import Options
from archdsl.reports.subject import Subject
from archdsl.reports.table import Column, Row, Table, natural, row, text
from archdsl.source.styled import Piece

COLUMNS = (Column("total", "total"), Column("formula", "formula", wraps=True), Column("from", "", wraps=True))

TOTALS = ("kept for backward", "inference peak", "training peak")


def report(subject: Subject, options: Options) -> list[Table]:
    """Counts of one sample, with what grows by each power of an open size apart; bytes for N samples, N of two or more."""
    facts = subject.facts if subject.for_all is None else subject.for_all.facts
    rows = (*_counts(facts), *_bytes(subject, facts))
    fits = () if subject.for_all is None else ((Piece(f"for {subject.for_all.symbols()}", "dim"),),)
    words = "a sample has the counts; N samples, two or more, have the bytes"
    head = title(subject, setting(subject))
    return [Table("formulas", COLUMNS, rows, (), head, ((Piece(words, "dim"),), *fits), is_list=True)]


def _counts(facts: Facts) -> Iterator[Row]:
    total = facts.cost.total
    yield row("params", exact(total.params), None)
    yield row("MACs", exact(total.macs), None)
    yield from _powers(facts)
    yield row("activations", exact(facts.cost.values), "values that lectures count")


def _powers(facts: Facts) -> Iterator[Row]:
    """The terms of the multiply-adds, each with the operators that it comes from."""
    found: dict[int, list[Layer]] = defaultdict(list)
    for layer in facts.flat.layers:
        macs = open_size(layer.op.macs(layer.operand_types, layer.result_types))
        for degree in {} if macs is None else {len(monomial) for monomial, _ in macs.terms}:
            found[degree].append(layer)
    macs = open_size(facts.cost.total.macs)
    if macs is None:
        return
    for degree, layers in sorted(found.items(), reverse=True):
        part = macs.of_degree(degree)
        if part != 0:
            names = natural([*dict.fromkeys(layer.op.name for layer in layers)])
            yield row(text(f"of degree {degree}", "dim"), exact(part), names, indent=1)


def _bytes(subject: Subject, facts: Facts) -> Iterator[Row]:
    settings = subject.training.settings if subject.training is not None else TrainingSettings()
    found, example = facts.memory_formulas(settings), subject.facts.memory_formulas(settings)
    at = ", ".join(f"{name} = {value}" for name, value in subject.bindings)
    words = ("", "parameters and inputs included", f"with {settings.optimizer}")
    for name, formula, instead, said in zip(TOTALS, found, example, words, strict=True):
        if formula is None:
            yield row(name, _shown(instead), f"bytes at {at}: whether a copy is made depends on the sizes")
        else:
            tried = "" if formula.is_proved else "the largest at the sizes tried"
            yield row(name, _shown(formula), ", ".join(filter(None, ("bytes", said, tried))))


def _shown(formula: Formula | None) -> str:
    sums = [_sum(line) for line in formula.sums] if formula is not None else ["-"]
    return sums[0] if len(sums) == 1 else f"max({', '.join(sums)})"


def _sum(line: Size) -> str:
    """`1_204 + 4_096*N`."""
    per_sample = f"({exact(line.per_sample)})" if open_size(line.per_sample) is not None else exact(line.per_sample)
    parts = [exact(line.fixed)] if line.fixed != 0 or line.per_sample == 0 else []
    return " + ".join([*parts, *([f"{per_sample}*N"] if line.per_sample != 0 else [])])
