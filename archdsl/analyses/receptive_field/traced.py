"""The rows that one unit really reads: followed back from it, operator by operator, without what is padding on the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from archdsl.analyses.receptive_field.axis import Entry, UnitRows, taps
from archdsl.analyses.receptive_field.field import Field, FieldFacts, entries_of
from archdsl.ir import WHOLE, Axes, Layer, Parts, Rows, Shape

Places = tuple[frozenset[int] | None, ...]
"""Of each axis of a value some places; None for all."""

MOST_ROWS = 1_000_000
"""So many are looked at on the way; of units that take more it is not said what they read."""


class NotKnown(Exception):
    """It cannot be said which rows a unit reads."""


class _Budget:
    """The rows that may still be looked at."""

    def __init__(self) -> None:
        self.left = MOST_ROWS

    def spend(self, rows: int) -> None:
        """Raises `NotKnown` where they are too many."""
        self.left -= rows
        if self.left < 0:
            raise NotKnown


def traced(facts: FieldFacts, path: str, index: Sequence[int]) -> tuple[UnitRows | None, ...] | None:
    """The first and the last row of the input on each axis that a unit of a path reads, None where it reads none.

    None where that is not known, as in turns of a loop that are not written out. Raises `KeyError` for an unknown path.
    """
    flat = facts.flat
    if flat.turns:
        return None
    waiting: dict[int, Places] = {}
    budget = _Budget()
    for number in flat.paths[path]:
        rank = flat.types[number].rank
        waiting[number] = (*(None for _ in range(rank - len(index))), *(frozenset((i,)) for i in index))
    try:
        for layer in reversed(flat.layers):
            for place, number in enumerate(layer.results):
                if number in waiting:
                    for operand, places in _read(layer, place, waiting.pop(number), facts.values, budget):
                        waiting[operand] = _joined(waiting.get(operand), places)
    except NotKnown:
        return None
    found = waiting.get(facts.number)
    if found is None:
        return tuple(None for _ in facts.type.positions)
    sizes = facts.type.positions
    return tuple(_hull(rows, n) for rows, n in zip(found[facts.type.rank - len(sizes) :], sizes, strict=True))


def _read(
    layer: Layer, place: int, wanted: Places, fields: Sequence[Field | None], budget: _Budget
) -> Iterator[tuple[int, Places]]:
    """What an operator reads of its operands, by their numbers, for some places of one of its results. Raises `NotKnown`.

    Args:
        fields: those of all values; what has none depends on no input, and is not followed.
    """
    if layer.op.reads_less(*layer.operand_types):
        raise NotKnown
    reach, result = layer.op.reach_of(place, *layer.operand_types), layer.result_types[place]
    parts = reach.parts if isinstance(reach, Axes) else None
    for number, (operand, type) in enumerate(zip(layer.operands, layer.operand_types, strict=True)):
        entries = None if fields[operand] is None else entries_of(reach, number, type, result)
        if entries is None:
            continue
        own, moved = (wanted, entries) if parts is None else _part(wanted, entries, parts, number)
        rows = zip(moved, type.shape, strict=True)
        places = tuple(_rows(entry, own, result.shape, n, budget) for entry, n in rows)
        if not any(found is not None and not found for found in (*own, *places)):
            yield operand, places


def _part(wanted: Places, entries: Sequence[Entry], parts: Parts, operand: int) -> tuple[Places, Sequence[Entry]]:
    """The places of a result that read one of its operands, and its entries with the rows that they read along the axis."""
    first, end = parts.units[operand]
    units = wanted[parts.axis]
    own = None if units is None else frozenset(unit for unit in units if first <= unit < end)
    moved = [Rows(parts.axis, ((-first, -first),)) if entry == Rows(parts.axis, ()) else entry for entry in entries]
    return (*wanted[: parts.axis], own, *wanted[parts.axis + 1 :]), moved


def _rows(entry: Entry, wanted: Places, sizes: Shape, count: int, budget: _Budget) -> frozenset[int] | None:
    """The rows of an operand's axis, which has so many, that are read for some places of a result. Raises `NotKnown`."""
    if entry == WHOLE:
        return None
    if entry is None:
        if all(places is None for places in wanted):
            return None
        raise NotKnown
    if entry.axis >= len(wanted):
        return None
    units = wanted[entry.axis]
    if not entry.spans:
        if units is None:
            return None
        raise NotKnown
    if units is None and entry == Rows(entry.axis) and sizes[entry.axis] == count:
        return None
    if count == 1 and entry == Rows(entry.axis):  # repeated
        return frozenset((0,))
    read: set[int] = set()
    for unit in range(sizes[entry.axis]) if units is None else units:
        rows = taps(entry, unit)
        budget.spend(len(rows))
        read.update(rows)
    return frozenset(row for row in read if 0 <= row < count)


def _joined(one: Places | None, other: Places) -> Places:
    if one is None:
        return other
    return tuple(None if a is None or b is None else a | b for a, b in zip(one, other, strict=True))


def _hull(rows: Iterable[int] | None, count: int) -> UnitRows | None:
    if rows is None:
        return UnitRows(0, count - 1)
    known = [*rows]
    return UnitRows(min(known), max(known)) if known else None
