from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from math import ceil, floor, gcd, lcm
from typing import Literal, NamedTuple

from archdsl.analyses.receptive_field.affine import fixed
from archdsl.ir import WHOLE, Axes, Flat, Layer, Node, Op, Reach, Rows, Shape, TensorType

Status = Literal["exact", "whole input", "bound"]
Span = tuple[int, int]
"""The first row, and the row after the last."""
Join = Callable[[Sequence["AxisField"], int, TensorType], "AxisField"]
"""What the fields of several operands make on an axis of the input, which has so many rows, for units of a result."""
Entry = Rows | Literal["whole"] | None

LARGEST_PERIOD = 4096
"""Units that are told apart; a longer pattern has a bound only."""


class UnitRows(NamedTuple):
    """The rows that one unit reads on one axis, both ends inclusive; outside 0..n - 1 they are padding."""

    first: int
    last: int


class AxisField(NamedTuple):
    """The field on one axis, in rows of the input.

    Units go along an axis of the value. Unit `i * len(spans) + p` reads the rows of `spans[p]`, moved by `i * step`: one
    span behind windows, several behind layers that enlarge the map, whose units read unlike parts of it in turn.
    """

    size: int
    """The most rows that a unit reads."""
    spans: tuple[Span | None, ...]
    """None for a unit that reads no row; empty where a unit's number does not say which it reads (after `flatten`)."""
    step: int
    low: int
    """The first row that any unit reads, and `high` the first that none does any more."""
    high: int
    is_exact: bool = True
    along: int | None = None
    """The value's axis; None where all units read the same, or where several axes tell units apart."""

    @property
    def stride(self) -> int | Fraction | None:
        """Rows from one unit to the next, on average; None where units have no place, 0 where all read the same."""
        if not self.spans:
            return None
        step = fixed(self.step)
        rows, rest = divmod(step, len(self.spans))
        return Fraction(step, len(self.spans)) if rest else rows

    @property
    def start(self) -> int | None:
        return self.spans[0][0] if self.spans and self.spans[0] else None

    @property
    def centre(self) -> float | None:
        return sum(self.spans[0]) / 2 if self.spans and self.spans[0] else None

    def span(self, unit: int) -> Span | None:
        turn, place = divmod(unit, len(self.spans))
        found = self.spans[place]
        return None if found is None else (found[0] + turn * self.step, found[1] + turn * self.step)

    def rows(self, unit: int) -> UnitRows | None:
        found = self.span(unit) if self.spans else None
        return None if found is None else UnitRows(found[0], found[1] - 1)

    def without_place(self, along: int | None = None) -> AxisField:
        return self._replace(spans=(), step=0, along=along)

    def covers(self, rows: int) -> bool:
        """Whether every unit reads all of an axis of so many rows, in one go."""
        return self.step == 0 and self.spans == ((0, rows),)


class Field(NamedTuple):
    """The receptive field of the units of one value, an entry for each spatial axis of the input."""

    axes: tuple[AxisField, ...]
    status: Status

    @property
    def size(self) -> tuple[int, ...]:
        return tuple([a.size for a in self.axes])


class FieldRow(NamedTuple):
    """One operator with the field of its first result; None where it does not depend on the input."""

    path: str
    layer: Layer
    field: Field | None


class FieldFacts(NamedTuple):
    """Fields of a whole network, towards one of its inputs."""

    input: str
    type: TensorType
    rows: tuple[FieldRow, ...]
    flat: Flat
    values: tuple[Field | None, ...]
    """By the numbers of `flat`'s values."""

    def of(self, *paths: str) -> Field | None:
        """The field at a path, the union over several. Raises `KeyError` for an unknown path."""
        numbers = [number for path in paths for number in self.flat.paths[path]]
        return gathered([(self.values[n], self.flat.types[n]) for n in numbers], self.type.sizes)

    def unit(self, path: str, index: Sequence[int]) -> tuple[UnitRows, ...] | None:
        """What one unit of a path reads on each axis; None where that is not known.

        Raises `KeyError` for an unknown path, `IndexError` where there is no such unit.
        """
        return unit(path, self.flat.types[self.flat.paths[path][0]].sizes, self.of(path), index)


def gathered(values: Iterable[tuple[Field | None, TensorType]], sizes: Sequence[int]) -> Field | None:
    """The union of the fields of several values; None where none of them has one."""
    known = [(field, type) for field, type in values if field is not None]
    if len(known) < 2:
        return known[0][0] if known else None
    result = known[0][1]
    placed = [_beside(field, type, result) for field, type in known]
    axes = zip(zip(*placed, strict=True), sizes, strict=True)
    return field_of([union(fields, n, result) for fields, n in axes], sizes)


def unit(path: str, sizes: Sequence[int], field: Field | None, index: Sequence[int]) -> tuple[UnitRows, ...] | None:
    """What one unit of a value with some field reads on each axis; None where that is not known. Raises `IndexError`."""
    if len(index) != len(sizes) or not all(0 <= i < n for i, n in zip(index, sizes, strict=True)):
        units = f"{'x'.join(map(str, sizes))} units" if sizes else "units without a place"
        raise IndexError(f"`{path}` has {units}, so none at ({', '.join(map(str, index))})")
    if field is None:
        return None
    rows = [_of_unit(axis, index) for axis in field.axes]
    known = tuple(r for r in rows if r is not None)
    return known if len(known) == len(rows) else None


def _of_unit(axis: AxisField, index: Sequence[int]) -> UnitRows | None:
    if axis.along is None:
        return axis.rows(0)
    return axis.rows(index[axis.along - 1]) if 1 <= axis.along <= len(index) else None


def _beside(field: Field, type: TensorType, other: TensorType) -> list[AxisField]:
    """The axes of a value as those of another one; where it has other sizes, units do not stand beside each other."""
    if type.rank != other.rank:
        return [a if a.along is None else a.without_place() for a in field.axes]
    pairs = enumerate(zip(type.shape, other.shape, strict=True))
    entries = [Rows(a) if n == m or n == 1 else None for a, (n, m) in pairs]
    return [_move(a, 0, entries, type.shape, other.shape) for a in field.axes]


def field_of(axes: Iterable[AxisField], sizes: Sequence[int]) -> Field:
    axes = tuple(axes)
    if not all(a.is_exact for a in axes):
        return Field(axes, "bound")
    whole = bool(axes) and all(a.covers(n) for a, n in zip(axes, sizes, strict=True))
    return Field(axes, "whole input" if whole else "exact")


def axis_of(spans: tuple[Span | None, ...], step: int, count: int, is_exact: bool, along: int | None) -> AxisField:
    """The field of units along an axis of the value that has `count` of them."""
    ends = [(s, s[0] + last * step, s[1] + last * step) for s, last in _known(spans, count)]
    return AxisField(
        max((s[1] - s[0] for s, _, _ in ends), default=0),
        spans,
        step,
        min((min(s[0], low) for s, low, _ in ends), default=0),
        max((max(s[1], high) for s, _, high in ends), default=0),
        is_exact,
        along,
    )


def _known(spans: tuple[Span | None, ...], count: int) -> list[tuple[Span, int]]:
    """The spans that some unit reads, each with the number of its last turn."""
    period = len(spans)
    return [(s, (count - 1 - p) // period) for p, s in enumerate(spans[:count]) if s is not None]


def through(
    op: Op, node: Node, operands: Sequence[Field | None], number: int, sizes: Sequence[int], join: Join
) -> Field | None:
    """The field of a result, by its number, behind one operator; `join` says what becomes of those of its operands."""
    reach, result = op.reach_of(number, *node.operand_types), node.result_types[number]
    reads_less = op.reads_less(*node.operand_types)
    if reach == "pointwise" and [t.shape for t in node.operand_types] == [result.shape]:
        return operands[0]
    moved = []
    for index, (field, type) in enumerate(zip(operands, node.operand_types, strict=True)):
        entries = _entries(reach, index, type, result)
        if field is not None and entries is not None:
            axes = zip(field.axes, sizes, strict=True)
            after = [_move(axis, n, entries, type.shape, result.shape) for axis, n in axes]
            moved.append([*map(_at_most, field.axes, after)] if reads_less else after)
    if not moved:
        return None
    return field_of([join(axes, n, result) for axes, n in zip(zip(*moved, strict=True), sizes, strict=True)], sizes)


def _at_most(before: AxisField, after: AxisField) -> AxisField:
    """What an operator makes of a field where some units read less than it says."""
    return after if after == before else after._replace(is_exact=False)


def _entries(reach: Reach, operand: int, type: TensorType, result: TensorType) -> Sequence[Entry] | None:
    """How units of the result read each axis of an operand; None where they do not, but for its sizes or switches."""
    if isinstance(reach, Axes):
        return reach.operands[operand] if operand < len(reach.operands) else None
    if reach == "pointwise":
        return [Rows(axis) if type.rank == result.rank else None for axis in range(type.rank)]
    if reach == "whole" or len(reach) != type.rank - 1:
        return [WHOLE] * type.rank
    spans = (((-step.before, step.extent - 1 - step.before), step) for step in reach)
    return [WHOLE, *(Rows(a, (span,), step.stride, step.dilation) for a, (span, step) in enumerate(spans, 1))]


def _move(axis: AxisField, rows: int, entries: Sequence[Entry], before: Shape, after: Shape) -> AxisField:
    """The field of the result's units on one axis of the input, which has so many rows."""
    if axis.along is None:
        return axis if axis.spans else _move_scattered(axis, rows, entries)
    entry = entries[axis.along]
    if entry == WHOLE:
        return _whole(axis, rows)
    if entry is None or not entry.spans:
        return axis.without_place(None if entry is None else entry.axis)
    count = after[entry.axis] if entry.axis < len(after) else 1
    is_still = _is_still(entry)
    if is_still and (not axis.spans or before[axis.along] == count):
        return axis._replace(along=entry.axis)
    if not axis.spans:
        return _bound([axis])
    if entry.stride == 0 or (before[axis.along] == 1 and is_still):  # one unit for all
        return axis_of((_hull(axis, entry, 0),), 0, 1, axis.is_exact, None)
    return _resampled(axis, entry, count)


def _move_scattered(axis: AxisField, rows: int, entries: Sequence[Entry]) -> AxisField:
    """The same where several axes of the value tell units apart, so that any of the entries may be theirs."""
    if all(entry == WHOLE for entry in entries):
        return _whole(axis, rows)
    return axis if all(entry is None or (entry != WHOLE and _is_still(entry)) for entry in entries) else _bound([axis])


def _is_still(entry: Rows) -> bool:
    """Whether each unit reads the same place of the operand."""
    return entry == Rows(entry.axis)


def _whole(axis: AxisField, rows: int) -> AxisField:
    """All that the axis reads, without padding."""
    return axis_of(((max(axis.low, 0), min(axis.high, rows)),), 0, 1, axis.is_exact, None)


def _resampled(axis: AxisField, entry: Rows, count: int) -> AxisField:
    period = len(axis.spans)
    turns = period // gcd(period, entry.stride)
    if turns * len(entry.spans) > LARGEST_PERIOD:
        return _bound([axis])
    spans = tuple(_hull(axis, entry, unit) for unit in range(turns * len(entry.spans)))
    return axis_of(spans, axis.step * entry.stride * turns // period, count, axis.is_exact, entry.axis)


def _hull(axis: AxisField, entry: Rows, unit: int) -> Span | None:
    """The rows around all that a unit of the result reads."""
    turn, place = divmod(unit, len(entry.spans))
    span = entry.spans[place]
    if span is None:
        return None
    taps = range(span[0] + turn * entry.stride, span[1] + turn * entry.stride + 1, entry.dilation)
    period = len(axis.spans)
    read = [s for tap in (*taps[:period], *taps[-period:]) if (s := axis.span(tap)) is not None]
    return _around(read)


def _around(spans: Sequence[Span]) -> Span | None:
    return (min(s[0] for s in spans), max(s[1] for s in spans)) if spans else None


def _bound(axes: Sequence[AxisField]) -> AxisField:
    """All that any unit of these reads, for every unit."""
    span = min(a.low for a in axes), max(a.high for a in axes)
    return axis_of((span,), 0, 1, False, None)


def union(axes: Sequence[AxisField], rows: int, result: TensorType) -> AxisField:
    """What a unit reads that reads all of these."""
    first = axes[0]
    if all(a == first for a in axes) and (len(axes) == 1 or first.spans):
        return first
    whole = next((a for a in axes if a.covers(rows)), None)
    if whole is not None:
        return whole
    along = {a.along for a in axes if a.along is not None}
    if len(along) > 1 or not all(a.spans for a in axes):
        return _bound(axes)
    axis = along.pop() if along else None
    count = 1 if axis is None else result.shape[axis]
    period = lcm(*(len(a.spans) for a in axes))
    if len({a.stride for a in axes}) > 1 or period > LARGEST_PERIOD:
        return _enclosing(axes, count, axis)
    spans = tuple(_around([s for a in axes if (s := a.span(unit)) is not None]) for unit in range(period))
    return axis_of(spans, first.step * period // len(first.spans), count, all(a.is_exact for a in axes), axis)


def narrowest(axes: Sequence[AxisField], rows: int, result: TensorType) -> AxisField:
    """The smallest of these; of equal ones the first."""
    return min(axes, key=lambda axis: axis.size)


def _enclosing(axes: Sequence[AxisField], count: int, along: int | None) -> AxisField:
    """The smallest field of one size and stride around others, for the units 0 to `count` - 1.

    Distances between two fields are linear in the unit, so the first and the last unit decide.
    """
    lines = []
    for a in axes:
        own = Fraction(fixed(a.step), len(a.spans))
        known = ((place, *map(fixed, span)) for place, span in enumerate(a.spans) if span is not None)
        lines += [(first - place * own, own, end - first) for place, first, end in known]
    found = []
    for _, stride, _ in lines:
        begins = [start + unit * (own - stride) for start, own, _ in lines for unit in (0, count - 1)]
        ends = [start + size + unit * (own - stride) for start, own, size in lines for unit in (0, count - 1)]
        found.append((max(ends) - min(begins), stride, min(begins), max(ends)))
    _, stride, start, end = min(found)
    units = range(stride.denominator)
    spans = tuple((floor(start + unit * stride), ceil(end + unit * stride)) for unit in units)
    low, high = min(a.low for a in axes), max(a.high for a in axes)
    return axis_of(spans, stride.numerator, count, False, along)._replace(low=low, high=high)
