"""`archdsl report formulas`: totals as formulas of the batch N, of open sizes, and of parameters that are whole numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import reduce

from archdsl.analyses.growth import ForAll, memory_totals, powers, totals
from archdsl.analyses.memory import Formula, Size, in_pages
from archdsl.ir import Domain
from archdsl.reports.layers import setting, title
from archdsl.reports.numbers import exact
from archdsl.reports.options import Options
from archdsl.reports.subject import Subject
from archdsl.reports.table import Column, Row, Table, natural, row, text
from archdsl.source.styled import Piece

COLUMNS = (Column("total", "total"), Column("formula", "formula", wraps=True), Column("from", "", wraps=True))
_NESTED = reduce(lambda inside, _: rf"\((?:[^()]|{inside})*\)", range(3), r"\([^()]*\)")
_EQUAL_FACTORS = re.compile(rf"(?<!\w)([^\W\d]\w*|{_NESTED})(?:\*\1(?!\w))+")
TOTALS = ("kept for backward", "inference peak", "training peak")


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


def _counts(network: ForAll) -> Iterator[Row]:
    total = totals(network)
    yield row("params", _text(total.params), None)
    yield row("MACs", _text(total.macs), None)
    for power in powers(network, total.macs):
        yield row(text(f"degree {power.degree}", "dim"), _text(power.macs), natural(power.operators), indent=1)
    yield row("activations", _text(total.activations), "values that lectures count")


def _text(formula: int) -> str:
    """As exact numbers are written, with powers: `144*features^2*(size//16)^2`."""
    return _EQUAL_FACTORS.sub(lambda found: f"{found[1]}^{found[0].count(found[1])}", exact(formula))


def _bytes(subject: Subject, general: ForAll) -> Iterator[Row]:
    settings = subject.training_settings
    words = ("", "parameters and inputs included", f"with {settings.optimizer}")
    known = memory_totals(general, subject.for_all, subject.facts, settings)
    for name, found, said in zip(TOTALS, known, words, strict=True):
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
