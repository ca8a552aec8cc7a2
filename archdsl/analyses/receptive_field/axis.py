"""The field on one axis, and what becomes of it behind an operator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import chain
from math import ceil, floor, gcd, lcm
from typing import Literal, NamedTuple, Protocol

from archdsl.analyses.receptive_field.affine import fixed
from archdsl.ir import WHOLE, Rows, Shape, TensorType

Span = tuple[int, int]
"""The first row, and the row after the last."""
Entry = Rows | Literal["whole"] | None

LARGEST_PERIOD = 4096
"""Units that are told apart; a longer pattern has a bound only."""
LARGEST_BORDER = 2048
"""Units at borders that are followed one by one; of more a bound is told."""
NO_BORDER: Mapping[int, Span | None] = {}


class Join(Protocol):
    """What the fields of several operands make on an axis of the input, which has so many rows, for units of a result.

    With `apart`, an axis of the result, each unit along that one reads one of the operands alone.
    """

    def __call__(
        self, axes: Sequence[AxisField], rows: int, result: TensorType, apart: int | None = None
    ) -> AxisField: ...


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
    border: Mapping[int, Span | None] = NO_BORDER
    """Units that read something else: those near rows that a map was padded with from its own."""

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
        return self.border[unit] if unit in self.border else self.span_inside(unit)

    def span_inside(self, unit: int) -> Span | None:
        """What a unit reads, or would read if it were no border's."""
        turn, place = divmod(unit, len(self.spans))
        found = self.spans[place]
        return None if found is None else (found[0] + turn * self.step, found[1] + turn * self.step)

    def rows(self, unit: int) -> UnitRows | None:
        found = self.span(unit) if self.spans else None
        return None if found is None else UnitRows(found[0], found[1] - 1)

    def without_place(self, along: int | None = None) -> AxisField:
        return self._replace(spans=(), step=0, along=along, border=NO_BORDER)

    def covers(self, rows: int) -> bool:
        """Whether every unit reads all of an axis of so many rows, in one go."""
        return self.step == 0 and self.spans == ((0, rows),)


def axis_of(
    spans: tuple[Span | None, ...],
    step: int,
    count: int,
    is_exact: bool,
    along: int | None,
    border: Mapping[int, Span | None] = NO_BORDER,
) -> AxisField:
    """The field of units along an axis of the value that has `count` of them."""
    own = spans if count >= len(spans) else spans[:count]
    known = [s for s in (*own, *border.values()) if s is not None]
    read = [*_reached(own, len(spans), step, count, border), *(s for s in border.values() if s is not None)]
    low, high = _around(read) or (0, 0)
    return AxisField(max((s[1] - s[0] for s in known), default=0), spans, step, low, high, is_exact, along, border)


def _reached(
    spans: tuple[Span | None, ...], period: int, step: int, count: int, border: Mapping[int, Span | None]
) -> Iterator[Span]:
    """Of each of the spans the rows from its lowest unit to its highest, but for the border's."""
    for place, span in enumerate(spans):
        turns: tuple[int, ...] = (0, (count - 1 - place) // period)
        if border:
            units = range(place, count, period)
            inside = (next((u // period for u in end if u not in border), -1) for end in (units, reversed(units)))
            turns = tuple(turn for turn in inside if turn >= 0)
        if span is not None and turns:
            first, last = turns if step >= 0 else reversed(turns)
            yield span[0] + first * step, span[1] + last * step


def move(axis: AxisField, rows: int, entries: Sequence[Entry], before: Shape, after: Shape) -> AxisField:
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
    low, high = 0 if axis.low <= 0 else axis.low, rows if axis.high >= rows else axis.high
    return axis_of(((low, high),), 0, 1, axis.is_exact, None)


def _resampled(axis: AxisField, entry: Rows, count: int) -> AxisField:
    period = len(axis.spans)
    turns = period // gcd(period, entry.stride)
    if turns * len(entry.spans) > LARGEST_PERIOD:
        return _bound([axis])
    inside = axis._replace(border=NO_BORDER), entry._replace(borders=())
    spans = tuple(_hull(*inside, unit) for unit in range(turns * len(entry.spans)))
    moved = axis_of(spans, axis.step * entry.stride * turns // period, count, axis.is_exact, entry.axis)
    if not axis.border and not entry.borders:
        return moved
    units = _border_units(axis, entry, count)
    return _bound([axis]) if units is None else _with_border(moved, count, {u: _hull(axis, entry, u) for u in units})


def _with_border(axis: AxisField, count: int, found: Mapping[int, Span | None]) -> AxisField:
    """The same with units that may read something else."""
    border = {unit: span for unit, span in found.items() if span != axis.span_inside(unit)}
    return axis_of(axis.spans, axis.step, count, axis.is_exact, axis.along, border)


def _border_units(axis: AxisField, entry: Rows, count: int) -> Iterable[int] | None:
    """The units of the result that read some unit at a border, or are at one; None where there are too many."""
    own = [b.units[: max(count - b.units.start, 0)] for b in entry.borders]
    for first, last in _runs(axis.border):
        for place, span in enumerate(entry.spans):
            if span is not None:
                turns = -((span[1] - first) // entry.stride), (last - span[0]) // entry.stride
                units = range(place, count, len(entry.spans))
                own.append(units[max(turns[0], 0) : max(turns[1] + 1, 0)])
    return {*chain.from_iterable(own)} if sum(map(len, own)) <= LARGEST_BORDER else None


def _runs(units: Iterable[int]) -> list[tuple[int, int]]:
    """The first and the last of numbers that follow one another."""
    found: list[tuple[int, int]] = []
    for unit in sorted(units):
        if found and found[-1][1] == unit - 1:
            found[-1] = found[-1][0], unit
        else:
            found.append((unit, unit))
    return found


def _hull(axis: AxisField, entry: Rows, unit: int) -> Span | None:
    """The rows around all that a unit of the result reads."""
    rows, period = taps(entry, unit), len(axis.spans)
    if len(rows) > 2 * period:  # inside a border the outermost of each turn read most
        near = [row for row in rows if row in axis.border] if axis.border else []
        inside = [row for row in rows if row not in axis.border] if near else rows
        rows = [*near, *inside[:period], *inside[-period:]]
    return _around([s for row in rows if (s := axis.span(row)) is not None])


def taps(entry: Rows, unit: int) -> Sequence[int]:
    """The rows of the operand that a unit of the result reads."""
    for border in entry.borders:
        if unit in border.units:
            return (border.row + border.units.index(unit) * border.step,)
    turn, place = divmod(unit, len(entry.spans))
    span = entry.spans[place]
    if span is None:
        return ()
    return range(span[0] + turn * entry.stride, span[1] + turn * entry.stride + 1, entry.dilation)


def _around(spans: Sequence[Span]) -> Span | None:
    return (min(s[0] for s in spans), max(s[1] for s in spans)) if spans else None


def _bound(axes: Sequence[AxisField]) -> AxisField:
    """All that any unit of these reads, for every unit."""
    span = min(a.low for a in axes), max(a.high for a in axes)
    return axis_of((span,), 0, 1, False, None)


def union(axes: Sequence[AxisField], rows: int, result: TensorType, apart: int | None = None) -> AxisField:
    """What a unit reads that reads all of these, or one of them."""
    if apart is not None:
        if all(a.along in (None, apart) for a in axes):
            return _one_of(axes, apart)
        return union(axes, rows, result)._replace(is_exact=False)
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
    spans = tuple(_around([s for a in axes if (s := a.span_inside(unit)) is not None]) for unit in range(period))
    found = axis_of(spans, first.step * period // len(first.spans), count, all(a.is_exact for a in axes), axis)
    return _with_border(found, count, _border_of_all(axes)) if any(a.border for a in axes) else found


def _border_of_all(axes: Sequence[AxisField]) -> dict[int, Span | None]:
    """What units read that read all of these, where one of them is a border's."""
    units = {unit: None for a in axes for unit in a.border}
    return {unit: _around([s for a in axes if (s := a.span(unit)) is not None]) for unit in units}


def _one_of(axes: Sequence[AxisField], along: int) -> AxisField:
    """What is known of units along an axis that read one of these each."""
    low, high = min(a.low for a in axes), max(a.high for a in axes)
    is_scattered = any(a.along is None and not a.spans for a in axes)
    size, is_exact = max(a.size for a in axes), all(a.is_exact for a in axes)
    return AxisField(size, (), 0, low, high, is_exact, None if is_scattered else along)


def narrowest(axes: Sequence[AxisField], rows: int, result: TensorType, apart: int | None = None) -> AxisField:
    """The smallest of these; of equal ones the first."""
    return min(axes, key=lambda axis: axis.size)


def _enclosing(axes: Sequence[AxisField], count: int, along: int | None) -> AxisField:
    """The smallest field of one size and stride around others, for the units 0 to `count` - 1.

    Distances between two fields are linear in the unit, so the first and the last unit decide.
    """
    last = fixed(count) - 1
    lines = []
    for a in axes:
        own = Fraction(fixed(a.step), len(a.spans))
        known = ((place, *map(fixed, span)) for place, span in enumerate(a.spans) if span is not None)
        lines += [(first - place * own, own, end - first) for place, first, end in known]
    found = []
    for stride in {own for _, own, _ in lines}:
        begins = [start + unit * (own - stride) for start, own, _ in lines for unit in (0, last)]
        ends = [start + size + unit * (own - stride) for start, own, size in lines for unit in (0, last)]
        found.append((max(ends) - min(begins), stride, min(begins), max(ends)))
    _, stride, start, end = min(found)
    units = range(stride.denominator)
    spans = tuple((floor(start + unit * stride), ceil(end + unit * stride)) for unit in units)
    low, high = min(a.low for a in axes), max(a.high for a in axes)
    found_axis = axis_of(spans, stride.numerator, count, False, along)
    if any(a.border for a in axes):
        found_axis = _with_border(found_axis, count, _border_of_all(axes))
    return found_axis._replace(low=low, high=high)
