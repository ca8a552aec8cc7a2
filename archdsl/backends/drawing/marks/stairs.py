"""Stairs -> marks: a bar for each layer of a state that grows, what it reads and what it adds."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.backends.drawing.content.model import Stairs
from archdsl.backends.drawing.marks.marks import Mark, Paint, Rectangle, Text
from archdsl.backends.drawing.places.metrics import fitted, width
from archdsl.backends.drawing.places.sizes import CELL, ROW, SMALL, TINY, stair_columns, stair_rows, stair_scale

BASE = 12.5
"""From the top of a row to the baseline of its texts."""
SLIT = 1
"""Between the parts of a state."""


def paint_stairs(stairs: Stairs, left: float, top: float) -> Iterator[Mark]:
    """The rows of stairs below their heads."""
    columns, scale = stair_columns(stairs), stair_scale(stairs)
    bars = left + columns.name + columns.reads + CELL
    ends = (left + columns.name + columns.reads - CELL / 2, left + sum(columns) - CELL / 2)
    for number, row in enumerate(stair_rows(stairs)):
        y = top + ROW * number
        size, colour = (SMALL, "ink") if number else (TINY, "grey")
        if row.name:
            yield Text(left + CELL / 2, y + BASE, fitted(row.name, columns.name - CELL, SMALL), size, "grey")
            yield Text(ends[0], y + BASE, row.reads, size, colour, anchor="end")
        if isinstance(row.state, str):
            yield Text(bars, y + BASE, row.state, size, "grey")
        else:
            yield from _state(stairs, row.state, bars, y, scale)
        if row.total:
            yield Text(ends[1], y + BASE, row.total, size, colour, anchor="end")


def _state(stairs: Stairs, index: int, left: float, y: float, scale: float) -> Iterator[Mark]:
    """What a layer reads, part by part, and what it adds to that."""
    stair = stairs.layers[index]
    first = stairs.first * scale
    yield Rectangle(left, y + 4, first - SLIT, 11, Paint("glyph"))
    before = stairs.layers[:index] if index < len(stairs.layers) - 2 or not stairs.left_out else ()
    for number, earlier in enumerate(before):
        across = max(earlier.adds * scale - SLIT, 0.5)
        yield Rectangle(
            left + earlier.reads * scale, y + 4, across, 11, Paint(f"merge-{'roof' if number % 2 else 'front'}")
        )
    if stairs.left_out and not before and index:
        across = (stair.reads - stairs.first) * scale - SLIT
        yield Rectangle(left + first, y + 4, across, 11, Paint("merge-front"))
    start, across = left + stair.reads * scale, stair.adds * scale - SLIT
    yield Rectangle(start, y + 4, across, 11, Paint("merge-strip"))
    words = f"+{stair.adds}"
    if width(words, TINY, True) + 2 <= across:
        yield Text(start + across / 2, y + BASE, words, TINY, "on-merge", True, "middle")
