"""Tables as data: what every report returns and every format writes.

A cell holds a value (a number stays a number) and, where a person should see something else, the text for it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import inf, prod
from typing import Literal, NamedTuple

from archdsl.ir import Size
from archdsl.reports.numbers import exact, percent
from archdsl.source import binary, short
from archdsl.source.styled import Line, Piece

Value = str | int | float | tuple[int, ...] | None

Kind = Literal["text", "count", "short", "bytes", "share", "bar", "shape", "number"]
"""How a column shows its values: `count` 64_512, `short` 64.5K, `bytes` 252.0 KiB; `share` and `bar` take 0 to 1."""

_SIZES = re.compile(r"(?:≤ )?(\d+(?:x\d+)*)")
RIGHT = ("count", "short", "bytes", "share", "number")


class Column(NamedTuple):
    """A column: its name, its heading, and how it shows its values."""

    key: str
    """Its name in CSV, and for sorting."""
    title: str
    kind: Kind = "text"
    optional: bool = False
    """Whether it may leave a table that is too wide; the last such column leaves first."""
    wraps: bool = False
    """Whether its text may go on in a further line of the row."""

    def __str__(self) -> str:
        """Its name, with its heading where that is another word."""
        is_same = self.title.lower() in ("", self.key)
        return self.key if is_same else f"{self.key} ({self.title})"

    def is_called(self, name: str) -> bool:
        """Whether its name or heading is this."""
        return name.lower() in (self.key, self.title.lower())

    @property
    def is_right(self) -> bool:
        return self.kind in RIGHT


class Cell(NamedTuple):
    """A value with what people see of it."""

    value: Value = None
    shown: tuple[Piece, ...] | None = None
    """What people see, where it is not the value written the column's way."""


class Row(NamedTuple):
    """A cell for each column."""

    cells: tuple[Cell, ...]
    indent: int = 0
    """How far the first cell is set in."""
    style: str = ""


class Table(NamedTuple):
    """Columns and rows, and what stands around them."""

    name: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    totals: tuple[Row, ...] = ()
    title: tuple[Piece, ...] = ()
    notes: tuple[tuple[Piece, ...], ...] = ()
    """Lines below, for people."""
    is_list: bool = False
    """A few named figures: written without header and rules."""
    beside: bool = False
    """Whether it may stand to the right of the table before it."""

    @property
    def sortable(self) -> tuple[Column, ...]:
        """The columns to sort by."""
        return () if self.is_list else tuple(column for column in self.columns if column.kind != "bar")

    def has(self, name: str) -> bool:
        """Whether it has a column of that name or heading to sort by."""
        return any(column.is_called(name) for column in self.sortable)


def row(*values: Value | Cell, indent: int = 0, style: str = "") -> Row:
    """A row of cells, given as cells or as their values."""
    cells = (v if isinstance(v, Cell) else Cell(v) for v in values)
    return Row(tuple(cells), indent, style)


def text(value: str, style: str = "") -> Cell:
    return Cell(value, (Piece(value, style),))


def show(cell: Cell, kind: Kind) -> Line:
    """The cell as a person reads it; bars are drawn by the formats that have them."""
    if cell.shown is not None:
        return list(cell.shown)
    return [Piece(show_value(cell.value, kind))]


def show_value(value: Value, kind: Kind) -> str:
    if isinstance(value, Size):
        return f"{value} B" if kind == "bytes" else str(value)
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    if kind == "share":
        return percent(value)
    if isinstance(value, float):
        return f"{value:.1f}"
    return {"short": short, "bytes": binary}.get(kind, exact)(value)


def arrange(table: Table, sort: str | None, top: int | None) -> Table:
    """The table sorted by a column, if it has it (largest first, ties in their order), and cut to its first rows.

    The column stays in a table that is too wide.
    """
    if table.is_list:
        return table
    by = ""
    if sort is not None and table.has(sort):
        table, by = _sorted(table, sort), f" by {sort}"
    if top is None or top >= len(table.rows):
        return table
    note = (Piece(f"the first {top} of {len(table.rows)} rows{by}", "dim"),)
    return table._replace(rows=table.rows[:top], notes=(*table.notes, note))


def _sorted(table: Table, name: str) -> Table:
    index = next(i for i, column in enumerate(table.columns) if column.is_called(name))
    columns = [column._replace(optional=column.optional and i != index) for i, column in enumerate(table.columns)]
    rows = sorted(table.rows, key=lambda r: _rank(r.cells[index].value))
    return table._replace(columns=tuple(columns), rows=tuple(rows))


def _rank(value: Value) -> tuple[float, str]:
    """Large numbers first, what has none after them; texts by the alphabet. `212x212` is as large as its product."""
    if isinstance(value, str) and (sizes := _SIZES.fullmatch(value)):
        value = prod(map(int, sizes[1].split("x")))
    return (-value, "") if isinstance(value, int | float) else (inf, str(value or ""))


def natural(sequence: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join(filter(None, [", ".join(sequence[:-1]), *sequence[-1:]]))
