"""Tables -> lines of text: one header row, two thin rules, no boxes; names left, numbers right.

A table that is too wide first loses whole optional columns from the right, then a blank between its columns; then the
columns wrap that may, from the right, and at last all others, those of words first, down to 6 columns of text each, so
that every report fits 60. Nothing is ever cut short.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

from archdsl.reports.numbers import bar
from archdsl.reports.table import Column, Row, Table, show
from archdsl.source.styled import Line, Piece, printable, text_of, width

NARROW, NARROWEST = 12, 6
"""No column is wrapped to fewer columns of text: to the second only where the first for each is still too wide."""
BESIDE = 4
"""Blanks between tables that stand side by side."""

ASCII = str.maketrans({"×": "x", "·": "+", "…": "...", "≤": "<="})

BREAK = re.compile(r"(?<=[^\s=+·×])(?<! -)\s+(?!(?:B|[KMG]iB)\b)|(?<=\w\.)(?=[a-z_])")
"""Where a line may be broken: between words, but not behind a sign or before a unit, and between the names of a path."""

SEAM = re.compile(r"[./_,:;()\]-]")
"""Behind these a word may go on in the next line where it is longer than a line."""

NUMBER = re.compile(r"-?\d[\d_.]*")
"""The longest word of a column that is broken as late as those of numbers."""

Height = list[Line]
"""The lines of one cell."""


class _Block(NamedTuple):
    title: list[Line]
    body: list[Line]
    notes: list[Line]


def render_text(tables: Sequence[Table], width: int | None = None, ascii: bool = False) -> list[Line]:
    """The tables below each other, side by side where one may and both fit; without a width as wide as they like."""
    blocks: list[_Block] = []
    for table in tables:
        block = _block(table, width, ascii)
        if table.beside and blocks and _fit_beside(blocks[-1], block, width):
            blocks[-1] = _beside(blocks[-1], block)
        else:
            blocks.append(block)
    return [line for block in blocks for line in ([], *block.title, *block.body, *block.notes)][1:]


def _printable(line: Iterable[Piece], ascii: bool, style: str = "") -> Line:
    """The line without control characters. What has no style gets the one that is given."""
    return [Piece(_escaped(text, ascii), own or style) for text, own in line]


def _escaped(text: str, ascii: bool) -> str:
    visible = printable(text)
    return visible.translate(ASCII).encode("ascii", "backslashreplace").decode() if ascii else visible


def _block(table: Table, limit: int | None, ascii: bool) -> _Block:
    title: list[Line] = [*_wrap(_printable(table.title, ascii), limit), []] if table.title else []
    notes = [line for note in table.notes for line in _wrap(_printable(note, ascii), limit)]
    if not (table.rows or table.totals):
        return _Block(title, [], notes)
    rows = [[_cell(r, i, c, ascii) for i, c in enumerate(table.columns)] for r in (*table.rows, *table.totals)]
    if not table.is_list:
        rows.insert(0, [[Piece(c.title, "header")] for c in table.columns])
    widths = _widths(rows)
    kept, gap = (range(len(table.columns)), 2) if table.is_list else _choose(table.columns, widths, limit)
    columns = [table.columns[i] for i in kept]
    grid, spans = _wrapped([[r[i] for i in kept] for r in rows], columns, [widths[i] for i in kept], gap, limit)
    is_right = [column.is_right for column in columns]
    lines = [list(_lines(r, is_right, spans, gap)) for r in grid]
    return _Block(title, _ruled(lines, table, "-" if ascii else "─"), notes)


def _cell(r: Row, index: int, column: Column, ascii: bool) -> Line:
    cell = r.cells[index]
    if column.kind == "bar":
        return [Piece(bar(cell.value, ascii=ascii), "bar")] if isinstance(cell.value, int | float) else []
    pieces = _printable(show(cell, column.kind), ascii, r.style)
    return [Piece("  " * r.indent), *pieces] if index == 0 and r.indent else pieces


def _line_width(line: Line) -> int:
    return width(line[0].text if len(line) == 1 else "".join([text for text, _ in line]))


def _widths(rows: Sequence[Sequence[Line]]) -> list[int]:
    return [max(map(_line_width, column)) for column in zip(*rows, strict=True)]


def _choose(columns: Sequence[Column], widths: Sequence[int], limit: int | None) -> tuple[list[int], int]:
    """The columns that stay, and the blanks between them."""
    kept = list(range(len(columns)))
    while limit is not None and sum(widths[i] for i in kept) + 2 * (len(kept) - 1) > limit:
        leaving = next((i for i in reversed(kept) if columns[i].optional), None)
        if leaving is None:
            return kept, 1
        kept.remove(leaving)
    return kept, 2


def _wrapped(
    rows: Sequence[Sequence[Line]], columns: Sequence[Column], widths: Sequence[int], gap: int, limit: int | None
) -> tuple[list[list[Height]], Sequence[int]]:
    """The cells as lines, wrapped where the table would be too wide, and the widths of the columns then."""
    if limit is None or sum(widths) + gap * (len(columns) - 1) <= limit:
        return [[[cell] for cell in r] for r in rows], widths
    limits = list(widths)
    wrapping = [i for i in reversed(range(len(columns))) if columns[i].wraps]
    others = sorted((i for i, c in enumerate(columns) if not c.wraps), key=lambda i: (columns[i].is_right, -widths[i]))
    longest = [max(map(_longest_word, column), key=width) for column in zip(*rows, strict=True)]
    whole = list(map(width, longest))
    order = [*wrapping, *others]
    texts = [i for i in order if not (columns[i].is_right or NUMBER.fullmatch(longest[i]))]
    for i, least in (
        *((i, max(whole[i], NARROW)) for i in order),
        *((i, NARROW) for i in texts),  # here words are broken
        *((i, max(whole[i], NARROWEST)) for i in order),
        *((i, NARROWEST) for i in (*texts, *order)),  # and last of all numbers
    ):
        excess = sum(limits) + gap * (len(columns) - 1) - limit
        limits[i] = min(limits[i], max(limits[i] - excess, least))
    grid = [[_wrap(cell, limits[i]) for i, cell in enumerate(r)] for r in rows]
    return grid, _spans(grid)


def _longest_word(line: Line) -> str:
    return max((word.rstrip() for word in BREAK.split(text_of(line))), key=width)


def _wrap(line: Line, limit: int | None) -> Height:
    """Breaks a line between words, and a word that is longer than the limit."""
    if limit is None or _line_width(line) <= limit:
        return [line]
    text = text_of(line)
    starts, before = [0], 0
    for place in _breaks(text, limit):
        if before > starts[-1] and width(text[starts[-1] : place].rstrip()) > limit:
            starts.append(before)
        before = place
    return [_trimmed(_slice(line, *ends)) for ends in zip(starts, [*starts[1:], len(text)], strict=True)]


def _breaks(text: str, limit: int) -> Iterator[int]:
    """Where a line may be broken: no two places are further apart than the limit."""
    start = 0
    for end in (*(found.end() for found in BREAK.finditer(text)), len(text)):
        while width(text[start:end].rstrip()) > limit:
            most = next(n for n in range(end, start, -1) if n == start + 1 or width(text[start:n]) <= limit)
            inside = [found.end() for found in SEAM.finditer(text, start, most)]
            start = inside[-1] if inside and inside[-1] > start + limit // 2 else most
            yield start
        yield (start := end)


def _slice(line: Line, start: int, end: int) -> Line:
    """The pieces of a line between two offsets of its text."""
    pieces: Line = []
    for piece in line:
        pieces.append(Piece(piece.text[max(start, 0) : max(end, 0)], piece.style))
        start, end = start - len(piece.text), end - len(piece.text)
    return pieces


def _spans(grid: Sequence[Sequence[Height]]) -> list[int]:
    return [max(_line_width(line) for cell in column for line in cell) for column in zip(*grid, strict=True)]


def _lines(cells: Sequence[Height], is_right: Sequence[bool], widths: Sequence[int], gap: int) -> Iterator[Line]:
    none: Line = []
    for parts in zip_longest(*cells, fillvalue=none):
        line: Line = []
        blanks = 0
        for part, right, size in zip(parts, is_right, widths, strict=True):
            rest = size - _line_width(part)
            if part:
                line += (Piece(" " * (blanks + rest * right)), *part)
                blanks = gap + rest * (not right)
            else:
                blanks += gap + rest
        yield _trimmed(line)


def _trimmed(line: Line) -> Line:
    """The line without blanks at its end and without empty pieces."""
    pieces = [piece for piece in line if piece[0]]
    while pieces and not pieces[-1].text.strip(" "):
        pieces.pop()
    if pieces and pieces[-1].text[-1] == " ":
        pieces[-1] = Piece(pieces[-1].text.rstrip(" "), pieces[-1].style)
    return pieces


def _ruled(rows: Sequence[list[Line]], table: Table, stroke: str) -> list[Line]:
    """The rows with a rule below the header and one above the totals."""
    if table.is_list:
        return [line for r in rows for line in r]
    rule = [Piece(stroke * max(_line_width(line) for r in rows for line in r), "rule")]
    foot = len(rows) - len(table.totals)
    parts = [rows[0], [rule], *rows[1:foot], *([[rule], *rows[foot:]] if table.totals else [])]
    return [line for part in parts for line in part]


def _body_width(block: _Block) -> int:
    return max(map(_line_width, block.body), default=0)


def _fit_beside(left: _Block, right: _Block, limit: int | None) -> bool:
    return limit is None or _body_width(left) + BESIDE + _body_width(right) <= limit


def _beside(left: _Block, right: _Block) -> _Block:
    start = _body_width(left) + BESIDE
    none: Line = []
    pairs = zip_longest(left.body, right.body, fillvalue=none)
    body = [_trimmed([*a, Piece(" " * (start - _line_width(a))), *b]) for a, b in pairs]
    return _Block(left.title, body, [*left.notes, *right.notes])
