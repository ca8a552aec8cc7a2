"""`archdsl report shapes`: what every layer reads and makes."""

from __future__ import annotations

from archdsl.reports.layers import LAYER, layer_row, see_more, setting, shapes, signature, title
from archdsl.reports.options import Options
from archdsl.reports.outline import Entry, outline
from archdsl.reports.subject import Subject
from archdsl.reports.table import Cell, Column, Row, Table

COLUMNS = (
    *LAYER,
    Column("input", "input", "shape"),
    Column("output", "output", "shape"),
    Column("elements", "elements", "count"),
    Column("bytes", "memory", "bytes", optional=True),
)


def report(subject: Subject, options: Options) -> list[Table]:
    """Shapes leave out the batch axis; elements and bytes are those of one sample's result. Open sizes make formulas."""
    known = f"N = 1, {subject.for_all.symbols()}" if subject.for_all else setting(subject)
    if subject.for_all is not None:
        subject = subject._replace(facts=subject.for_all.facts)
    entries = outline(subject, options)
    rows = tuple(_row(entry) for entry in entries if not (options.is_flat and entry.is_opened))
    notes = see_more(entries, options, subject.facts.operators)
    return [Table("shapes", COLUMNS, rows, (), title(subject, signature(subject), known), notes)]


def _row(entry: Entry) -> Row:
    if entry.is_opened:
        return layer_row(entry, *[Cell(None)] * 4)
    elements = sum(type.numel for type in entry.outputs) * entry.times
    size = sum(type.bytes for type in entry.outputs) * entry.times
    return layer_row(entry, shapes(entry.inputs), shapes(entry.outputs), Cell(elements), Cell(size))
