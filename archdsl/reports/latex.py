"""Tables -> LaTeX, for papers: `tabular` with the rules of the package booktabs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from archdsl.reports.table import Cell, Column, Row, Table, show
from archdsl.source.styled import Piece

INDENT = r"\quad "
SPECIAL = {
    "   ": r"\quad ",
    "->": r"$\to$",
    "-": "-{}",
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "·": r"$\cdot$",
    "×": r"$\times$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "…": r"\dots{}",
    "→": r"$\to$",
    "<": r"$<$",
    ">": r"$>$",
    "|": r"$|$",
    '"': r"\textquotedbl{}",
    "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
}
"""What plain characters would mean to LaTeX, or that its standard fonts lack; two hyphens would be a dash."""
SYNTAX = re.compile(r"   |->|-(?=-)|[#$%&_{}\\~^·×≤≥…→<>|\"'`]")


def render_latex(tables: Sequence[Table]) -> str:
    """A `table` for each, with its title as the caption and its notes below; bars are left out.

    Needs `\\usepackage{booktabs}`, and of names with quotation marks `\\usepackage[T1]{fontenc}` and `textcomp`.
    """
    return "\n".join("\n".join(_one(table)) + "\n" for table in tables)


def _one(table: Table) -> Iterator[str]:
    yield r"\begin{table}"
    yield r"\centering"
    if table.title:
        yield rf"\caption{{{_escaped(_text(table.title))}}}"
    kept = [i for i, column in enumerate(table.columns) if column.kind != "bar"]
    if kept:
        yield from _tabular(table, kept)
    for note in table.notes:
        yield rf"\par\smallskip {_escaped(_text(note))}"
    yield r"\end{table}"


def _tabular(table: Table, kept: Sequence[int]) -> Iterator[str]:
    columns = [table.columns[i] for i in kept]
    yield rf"\begin{{tabular}}{{{''.join('r' if c.is_right else 'l' for c in columns)}}}"
    yield r"\toprule"
    if not table.is_list:
        yield _line(_escaped(c.title) for c in columns)
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
    text = _escaped(_text(show(cell, column.kind)).strip())
    return text.replace(r"\_", r"\,") if column.is_right else text


def _text(pieces: Iterable[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


def _escaped(text: str) -> str:
    """Text of a spec that means itself: no command, no further cell, no further line."""
    printable = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return SYNTAX.sub(lambda found: SPECIAL.get(found[0], f"\\{found[0]}"), printable)
