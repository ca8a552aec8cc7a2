"""Tables -> LaTeX, for papers: `tabular` with the rules of the package booktabs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from archdsl.reports.table import Cell, Column, Row, Table, show
from archdsl.source.latex import latex
from archdsl.source.styled import text_of

INDENT = r"\quad "


def render_latex(tables: Sequence[Table]) -> str:
    """A `table` for each, with its title as the caption and its notes below; bars are left out.

    Needs `\\usepackage{booktabs}`, and of names with quotation marks `\\usepackage[T1]{fontenc}` and `textcomp`.
    """
    return "\n".join("\n".join(_one(table)) + "\n" for table in tables)


def _one(table: Table) -> Iterator[str]:
    yield r"\begin{table}"
    yield r"\centering"
    if table.title:
        yield rf"\caption{{{latex(text_of(table.title))}}}"
    kept = [i for i, column in enumerate(table.columns) if column.kind != "bar"]
    if kept:
        yield from _tabular(table, kept)
    for note in table.notes:
        yield rf"\par\smallskip {latex(text_of(note))}"
    yield r"\end{table}"


def _tabular(table: Table, kept: Sequence[int]) -> Iterator[str]:
    columns = [table.columns[i] for i in kept]
    yield rf"\begin{{tabular}}{{{''.join('r' if c.is_right else 'l' for c in columns)}}}"
    yield r"\toprule"
    if not table.is_list:
        yield _line(latex(c.title) for c in columns)
        yield r"\midrule"
    yield from (_line(_cells(row, kept, columns)) for row in table.rows)
    if table.totals:
        yield r"\midrule"
        yield from (_line(_cells(row, kept, columns)) for row in table.totals)
    yield r"\bottomrule"
    yield r"\end{tabular}"


def _line(cells: Iterable[str]) -> str:
    return f"{' & '.join(cells)} " + r"\\"


def _cells(row: Row, kept: Sequence[int], columns: Sequence[Column]) -> list[str]:
    first, *others = (_shown(row.cells[i], column) for i, column in zip(kept, columns, strict=True))
    return [INDENT * row.indent + first, *others]


def _shown(cell: Cell, column: Column) -> str:
    """Digits in groups stand a thin space apart, as they are printed."""
    text = latex(text_of(show(cell, column.kind)).strip())
    return text.replace(r"\_", r"\,") if column.is_right else text
