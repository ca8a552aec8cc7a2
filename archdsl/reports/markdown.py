"""Tables -> Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from archdsl.reports.table import Cell, Column, Row, Table, show_value
from archdsl.source.styled import printable, text_of


def render_markdown(tables: Sequence[Table]) -> str:
    """Pipe tables, each with its title as a heading; totals in bold, notes below."""
    return "\n\n".join(_one(table) for table in tables) + "\n"


def _one(table: Table) -> str:
    title = [f"## {_escaped(text_of(table.title))}"] if table.title else []
    kept = [i for i, column in enumerate(table.columns) if column.kind != "bar"]
    columns = [table.columns[i] for i in kept]
    lines = [
        _line(_escaped(c.title or c.key) for c in columns),
        _line("---:" if c.is_right else "---" for c in columns),
    ]
    lines += [_line(_cells(row, kept, columns)) for row in table.rows]
    lines += [_line(f"**{cell}**" if cell else "" for cell in _cells(row, kept, columns)) for row in table.totals]
    notes = [_escaped(text_of(note)) for note in table.notes]
    return "\n\n".join(["\n".join(part) for part in (title, lines if columns else [], notes) if part])


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(row: Row, kept: Sequence[int], columns: Sequence[Column]) -> list[str]:
    return [_escaped(_shown(row.cells[i], i, column)) for i, column in zip(kept, columns, strict=True)]


def _shown(cell: Cell, index: int, column: Column) -> str:
    """The first cell in full, since Markdown has no indentation to say what it is a part of."""
    if cell.shown is not None and index:
        return text_of(cell.shown)
    return show_value(cell.value, column.kind)


MARKUP = re.compile(r"[\\`*<|~&]|(?<!\w)_|_(?!\w)|\](?=[(\[:])")
"""What Markdown would read as markup: an underscore within a number or a bracket around a shape is none."""


def _escaped(text: str) -> str:
    """Text of a spec that means itself: no markup, no further cell, no further line."""
    return MARKUP.sub(lambda found: "\\" + found[0], printable(text))
