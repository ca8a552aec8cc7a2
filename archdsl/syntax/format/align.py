"""Columns: what people aligned stays aligned, as far to the left as it goes.

People align with more blanks than the canonical form has, before a token that stands under another of its kind. Columns
found so are laid out anew, and a line beside them that was edited, and is too long or too short now, takes part.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

from archdsl.syntax.format.lines import COMMENT, Cell, Line

ROUNDS = 16
REACH = 12
"""A line beside a column that is too long for it by no more than this belongs to it."""
MANY = 200
"""Cells of a line beyond these are no part of a table."""

Kind = tuple[int, str]


class _Row(NamedTuple):
    """The cells of one kind on a line; `is_next` if it follows the row before in its body without a line between."""

    number: int
    line: Line
    cells: list[Cell]
    is_next: bool


class _Run(NamedTuple):
    """Cells under each other in rows of one body that follow each other: by row, which of its cells."""

    rows: list[_Row]
    members: dict[int, int]

    def cells(self) -> Iterator[tuple[Line, Cell]]:
        for row, ordinal in self.members.items():
            yield self.rows[row].line, self.rows[row].cells[ordinal]

    @property
    def first(self) -> int:
        return self.rows[min(self.members)].number

    @property
    def last(self) -> int:
        return self.rows[max(self.members)].number


class _Column(NamedTuple):
    """Runs that share a left side or, numbers, a right side, and no blank line is between them."""

    runs: list[_Run]
    is_right: bool

    def cells(self) -> Iterator[tuple[Line, Cell]]:
        for run in self.runs:
            yield from run.cells()

    @property
    def edge(self) -> int:
        return min(cell.column for _, cell in self.cells())

    @property
    def target(self) -> int:
        return max(_natural(line, cell, self.is_right) for line, cell in self.cells())

    @property
    def is_meant(self) -> bool:
        """Whether people moved a cell to stand under another. Numbers of one width have both sides in common."""
        cells = [cell for _, cell in self.cells()]
        is_uneven = len({cell.width for cell in cells}) > 1
        return len(cells) > 1 and any(cell.is_padded for cell in cells) and (is_uneven or not self.is_right)


def align(lines: list[Line]) -> None:
    """Sets the pads of all cells: again and again until nothing moves, so that a second time changes nothing."""
    for _ in range(ROUNDS):
        if not any(cell.is_padded for line in lines for cell in line.cells):
            return
        columns: list[_Column] = []
        taken: set[Cell] = set()
        blanks = list(accumulate(int(line.blank) for line in lines))
        for bodies in _bodies(lines):
            for is_right in (True, False):
                columns += _columns(bodies, is_right, blanks, taken)
        for line in lines:
            for cell in line.cells:
                cell.pad = 0
        for column in sorted(columns, key=lambda column: column.edge):
            _extend(column, taken)
            target = column.target
            for line, cell in column.cells():
                cell.pad += target - _natural(line, cell, column.is_right)
        if not [line for line in lines if _settle(line)]:
            return


def _bodies(lines: list[Line]) -> list[list[list[_Row]]]:
    """For each kind of cell that people moved somewhere, its rows in each body; comments have one body, the file."""
    kinds: dict[Kind, dict[int, list[_Row]]] = defaultdict(lambda: defaultdict(list))
    moved: set[Kind] = set()
    before: dict[int, int] = {}
    for number, line in enumerate(lines):
        found: dict[Kind, list[Cell]] = defaultdict(list)
        for cell in line.cells[1:MANY]:
            found[cell.key].append(cell)
            if cell.is_padded:
                moved.add(cell.key)
        for kind, cells in found.items():
            is_comment = kind[1] == COMMENT
            rows = kinds[kind][-1 if is_comment else line.body]
            neighbour = number - 1 if is_comment else before.get(line.body)
            is_next = bool(rows) and not line.blank and rows[-1].number == neighbour
            rows.append(_Row(number, line, cells, is_next))
        if line.cells[0].key[1] != COMMENT:
            before[line.body] = number
    return [list(bodies.values()) for kind, bodies in kinds.items() if kind in moved]


def _columns(bodies: list[list[_Row]], is_right: bool, blanks: list[int], taken: set[Cell]) -> Iterator[_Column]:
    """The columns that people made of cells that are not taken, which they are then."""
    runs: dict[int, list[_Run]] = defaultdict(list)
    for rows in bodies:
        for edge, run in _runs(rows, is_right, taken):
            runs[edge].append(run)
    for found in runs.values():
        found.sort(key=lambda run: run.first)
        column = _Column([], is_right)
        for index, run in enumerate(found):
            column.runs.append(run)
            end = max(run.last for run in column.runs)
            if index + 1 < len(found) and blanks[max(found[index + 1].first, end)] == blanks[end]:
                continue
            if column.is_meant:
                taken.update(cell for _, cell in column.cells())
                yield column
            column = _Column([], is_right)


def _runs(rows: list[_Row], is_right: bool, taken: set[Cell]) -> Iterator[tuple[int, _Run]]:
    """Cells of rows that follow each other and share a side, and where it is."""
    open: dict[int, _Run] = {}
    for number, row in enumerate(rows):
        for ordinal, cell in enumerate(row.cells):
            if cell.column < 0 or cell in taken or not _may_stand(cell, is_right):
                continue
            edge = cell.column + cell.width * is_right
            run = open.get(edge)
            if run is None or number - 1 not in run.members:
                if run is not None:
                    yield edge, run
                open[edge] = run = _Run(rows, {})
            run.members[number] = ordinal
    yield from open.items()


def _extend(column: _Column, taken: set[Cell]) -> None:
    """Takes in the lines beside a column that were edited: too long for it now, or moved to where nothing else is."""
    target = column.target
    lines = {line for line, _ in column.cells()}
    for run in column.runs:
        for step, number in ((1, max(run.members)), (-1, min(run.members))):
            ordinal = run.members[number]
            while (row := _beside(run.rows, number, step)) is not None and ordinal < len(row.cells):
                cell = row.cells[ordinal]
                end = _natural(row.line, cell, column.is_right)
                is_free = row.line not in lines and cell not in taken and _may_stand(cell, column.is_right)
                if not is_free or not (cell.is_padded or target < end <= target + REACH):
                    break
                number += step
                target = max(target, end)
                run.members[number] = ordinal
                lines.add(row.line)
                taken.add(cell)


def _beside(rows: list[_Row], number: int, step: int) -> _Row | None:
    """The row before or after, if no other line is between."""
    later = max(number, number + step)
    return rows[number + step] if later < len(rows) and rows[later].is_next else None


def _may_stand(cell: Cell, is_right: bool) -> bool:
    """Whether blanks may come before a cell: where there is one anyway, or before a number that others stand under."""
    return cell.is_number if is_right else cell.gap > 0


def _natural(line: Line, cell: Cell, is_right: bool) -> int:
    """Where a cell begins, or ends, with the pads as they are."""
    at = line.indent - line.cells[0].gap
    for other in line.cells:
        at += other.gap + other.pad
        if other is cell:
            break
        at += other.width
    return at + cell.width * is_right


def _settle(line: Line) -> bool:
    """Notes where the cells of a line stand now; whether one has moved."""
    has_moved = False
    at = line.indent - line.cells[0].gap
    for cell in line.cells:
        at += cell.gap + cell.pad
        has_moved = has_moved or cell.column != at
        cell.column, cell.is_padded = at, cell.pad > 0
        at += cell.width
    return has_moved
