"""`archdsl run`: what was predicted beside what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from archdsl.reports.numbers import percent
from archdsl.reports.table import Cell, Column, Kind, Table, Value, row, show_value, text
from archdsl.source.styled import Piece

COLUMNS = (
    Column("figure", ""),
    Column("predicted", "predicted", "number"),
    Column("measured", "measured", "number"),
    Column("difference", ""),
)


class Measurement(NamedTuple):
    """A figure that was predicted, or None where it was not, and what PyTorch said."""

    name: str
    kind: Kind
    predicted: Value
    measured: Value


def measured(title: Sequence[Piece], measurements: Sequence[Measurement], notes: Sequence[str] = ()) -> Table:
    """The measurements as a table, with how far each prediction is off; notes for people below."""
    rows = [row(m.name, _cell(m.predicted, m.kind), _cell(m.measured, m.kind), _difference(m)) for m in measurements]
    lines = tuple((Piece(note, "dim"),) for note in notes)
    return Table("measured", COLUMNS, tuple(rows), title=tuple(title), notes=lines)


def _cell(value: Value, kind: Kind) -> Cell:
    return Cell(value, (Piece("-" if value is None else show_value(value, kind)),))


def _difference(m: Measurement) -> Cell:
    if m.predicted is None:
        return Cell()
    if m.predicted == m.measured:
        return text("same", "ok")
    if not (isinstance(m.predicted, int) and isinstance(m.measured, int)):
        return text("differs", "warning")
    off = m.measured - m.predicted
    share = f" ({'+' if off > 0 else ''}{percent(off / m.predicted)})" if m.predicted else ""
    return text(f"{off:+_}{' B' if m.kind == 'bytes' else ''}{share}", "warning")
