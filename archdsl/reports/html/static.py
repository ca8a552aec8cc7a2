"""Tables as HTML: what is seen without scripts, beside a picture, and what a notebook shows of a report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from archdsl.reports.options import Options
from archdsl.reports.subject import Subject
from archdsl.reports.summary import report
from archdsl.reports.table import Cell, Column, Row, Table, show
from archdsl.source.styled import Piece, text_of


def without_scripts(subject: Subject, picture: str | None) -> str:
    """HTML of the summary, with a picture above it where there is one."""
    return with_picture(report(subject, Options()), picture)


def with_picture(tables: Sequence[Table], picture: str | None) -> str:
    """Tables with a picture above them where there is one."""
    text = tables_html(tables)
    return f"{picture}\n{text}" if picture else text


def tables_html(tables: Sequence[Table]) -> str:
    """The tables below each other, with their notes; bars are left out."""
    return "".join(_table(table) + "".join(map(_note, table.notes)) for table in tables)


def _note(note: Iterable[Piece]) -> str:
    return f"<p>{escape(text_of(note))}</p>\n"


def _table(table: Table) -> str:
    kept = [index for index, column in enumerate(table.columns) if column.kind != "bar"]
    head = "".join(f'<th scope="col"{_side(table.columns[i])}>{escape(table.columns[i].title)}</th>' for i in kept)
    body = "".join(_row(row, table.columns, kept) for row in (*table.rows, *table.totals))
    title = escape(text_of(table.title))
    return f"<table><caption>{title}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>\n"


def _row(row: Row, columns: tuple[Column, ...], kept: list[int]) -> str:
    cells = "".join(
        f"<td{_side(columns[i])}>{_text(row.cells[i], columns[i], 0 if i else row.indent)}</td>" for i in kept
    )
    return f"<tr>{cells}</tr>\n"


def _side(column: Column) -> str:
    return ' class="number"' if column.is_right else ""


def _text(cell: Cell, column: Column, indent: int) -> str:
    return escape("\N{NO-BREAK SPACE}" * 2 * indent + text_of(show(cell, column.kind)))
