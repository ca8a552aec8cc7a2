"""`archdsl run`: what was predicted beside what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from archdsl.reports.numbers import percent
from archdsl.reports.settings import estimated_for
from archdsl.reports.table import Cell, Column, Kind, Table, Value, row, show_value
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
    estimated_for: tuple[str, ...] = ()
    """What the prediction is an estimate for: `CUDA's autocast`, or operators by their names."""

    @property
    def status(self) -> Literal["exact", "estimate"] | None:
        """How sure the prediction is, if there is one."""
        return None if self.predicted is None else "estimate" if self.estimated_for else "exact"


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
    words, style = _off(m)
    doubt = estimated_for(m.estimated_for)
    return Cell(doubt + words, ((Piece(doubt), Piece(words, style)) if doubt else (Piece(words, style),)))


def _off(m: Measurement) -> tuple[str, str]:
    """How far, with the style of that."""
    if m.predicted == m.measured:
        return "same", "ok"
    if not (isinstance(m.predicted, int) and isinstance(m.measured, int)):
        return "differs", "warning"
    off = m.measured - m.predicted
    share = f" ({'+' if off > 0 else ''}{percent(off / m.predicted)})" if m.predicted else ""
    return f"{off:+_}{' B' if m.kind == 'bytes' else ''}{share}", "warning"
