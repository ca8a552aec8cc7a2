"""`archdsl report summary`: what the network is made of and what each part costs."""

from __future__ import annotations

from collections import Counter

from archdsl.reports.layers import (
    LAYER,
    OnlyChanges,
    for_all_sizes,
    layer_row,
    or_blank,
    see_more,
    setting,
    signature,
    title,
)
from archdsl.reports.options import Options
from archdsl.reports.outline import Entry, outline
from archdsl.reports.subject import Subject
from archdsl.reports.table import Cell, Column, Row, Table, row
from archdsl.source.styled import Piece

COLUMNS = (
    *LAYER,
    Column("output", "output", "shape"),
    Column("params", "params", "count"),
    Column("macs", "MACs", "short"),
    Column("share", "share", "share", optional=True),
    Column("bar", "", "bar", optional=True),
    Column("values", "values", "count", optional=True),
    Column("receptive_field", "RF", "number", optional=True),
)


def report(subject: Subject, options: Options) -> list[Table]:
    """Parameters are counted once, MACs and values for one sample."""
    entries = outline(subject, options)
    changes = OnlyChanges(subject.facts.network.input_types)
    rows = [_row(subject, entry, changes) for entry in entries if not (options.is_flat and entry.is_opened)]
    notes = for_all_sizes(subject) + see_more(entries, options, subject.facts.operators)
    head = title(subject, signature(subject), setting(subject))
    return [Table("summary", COLUMNS, tuple(rows), _totals(subject), head, notes)]


def _row(subject: Subject, entry: Entry, changes: OnlyChanges) -> Row:
    cost = entry.cost
    share = cost.macs / subject.facts.cost.total.macs if subject.facts.cost.total.macs else 0.0
    work = Cell(share) if cost.macs else Cell(share, ())
    if entry.is_opened:
        blank = Cell(None)
        return layer_row(entry, blank, or_blank(cost.params), or_blank(cost.macs), work, blank, blank, blank)
    return layer_row(
        entry,
        changes.cell(entry.outputs),
        or_blank(cost.params),
        or_blank(cost.macs),
        work,
        Cell(share),
        or_blank(cost.values),
        _field(subject, entry),
    )


def _field(subject: Subject, entry: Entry) -> Cell:
    """The field of the last operator in the row: one number where the axes agree; nothing where it is all there is.

    A bound has a sign.
    """
    fields = subject.facts.fields if subject.facts.is_listed else subject.facts.composed_fields
    field = fields.of(entry.paths[-1])
    if field is None or field.status == "whole input" or not field.size:
        return Cell(None)
    sign = "≤ " if field.status == "bound" else ""
    if len(set(field.size)) > 1:
        return Cell(sign + "x".join(map(str, field.size)))
    rows = field.size[0]
    return Cell(f"{sign}{rows}", (Piece(f"{sign}{rows:_}"),)) if sign else Cell(rows)


def _totals(subject: Subject) -> tuple[Row, ...]:
    cost = subject.facts.cost
    counts: Counter[str] = Counter()
    for layer in subject.facts.listing.layers:
        if layer.op.is_weight_layer or layer.op.category == "merge":
            counts[layer.op.name] += layer.times
    made_of = ", ".join(f"{n} {name}" for name, n in counts.items())
    share = 1.0 if cost.total.macs else None
    total = row(
        "total", made_of, None, cost.total.params, cost.total.macs, share, None, cost.values, None, style="total"
    )
    if cost.training == cost.total:
        return (total,)
    more = cost.training
    return (total, row("training", "with the parts for training", None, more.params, more.macs, *[None] * 4))
