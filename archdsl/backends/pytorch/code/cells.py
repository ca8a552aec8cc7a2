"""Cells in a row, each of which reads the results of the two before it: NASNet, AmoebaNet, PNASNet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from archdsl.backends.pytorch.code.body import Body
from archdsl.ir import Value

FEWEST = 4
"""So many cells make a row, in which two names always stand for the last two results."""


def rows_of_cells(body: Body, are_modules: Sequence[bool], last: Mapping[Value, int]) -> list[list[int]]:
    """The positions of nodes that make a row.

    Args:
        are_modules: for each node, whether it is a module that is called.
        last: where each value is read for the last time.
    """
    cells = [p for p, is_module in enumerate(are_modules) if is_module and _is_cell(body, p, last)]
    return [row for row in _rows(body, cells) if len(row) >= FEWEST]


def _rows(body: Body, cells: Sequence[int]) -> Iterator[list[int]]:
    row: list[int] = []
    for position in cells:
        if row and not _follows(body, row[-1], position):
            yield row
            row = []
        row.append(position)
    yield row


def _is_cell(body: Body, position: int, last: Mapping[Value, int]) -> bool:
    """Whether it makes one value of two different ones, and is the last to read the second."""
    node = body.nodes[position]
    read = body.operands(node)
    is_one_of_two = len(node.results) == 1 and len(read) == 2 and read[0] is not read[1]
    return is_one_of_two and not node.training and last[read[1]] == position


def _follows(body: Body, before: int, position: int) -> bool:
    """Whether a cell reads what the one before made, and then what that one read first."""
    current, _ = body.operands(body.nodes[before])
    result, other = body.operands(body.nodes[position])
    return position == before + 1 and result is body.nodes[before].results[0] and other is current
