from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import ceil, floor, gcd, lcm
from typing import Literal, NamedTuple, cast

from archdsl.analyses.turns import Split, run_turns
from archdsl.ir import WHOLE, Axes, Flat, Layer, Network, Reach, Rows, Shape, TensorType, Turns, flatten

Status = Literal["exact", "whole input", "bound"]
Span = tuple[int, int]
"""The first row, and the row after the last."""
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
        found = Fraction(self.step, len(self.spans))
        return found.numerator if found.denominator == 1 else found

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
        return tuple(a.size for a in self.axes)


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
        known = [(field, self.flat.types[n]) for n in numbers if (field := self.values[n]) is not None]
        if not known:
            return None
        result = known[0][1]
        placed = [_beside(field, type, result) for field, type in known]
        sizes = self.type.sizes
        axes = zip(zip(*placed, strict=True), sizes, strict=True)
        return _field([_union(fields, n, result) for fields, n in axes], sizes)

    def unit(self, path: str, index: Sequence[int]) -> tuple[UnitRows, ...] | None:
        """What one unit of a path reads on each axis; None where that is not known.

        Raises `KeyError` for an unknown path, `IndexError` where there is no such unit.
        """
        sizes = self.flat.types[self.flat.paths[path][0]].sizes
        if len(index) != len(sizes) or not all(0 <= i < n for i, n in zip(index, sizes, strict=True)):
            units = f"{'x'.join(map(str, sizes))} units" if sizes else "units without a place"
            raise IndexError(f"`{path}` has {units}, so none at ({', '.join(map(str, index))})")
        field = self.of(path)
        if field is None:
            return None
        rows = [_of_unit(axis, index) for axis in field.axes]
        known = tuple(r for r in rows if r is not None)
        return known if len(known) == len(rows) else None


def receptive_field(network: Network, flat: Flat | None = None, input: str | None = None) -> FieldFacts:
    """The receptive field of every layer towards one input: the first with spatial axes unless named.

    On a chain of windows, transposed windows and interpolations sizes are exact. Raises `ValueError` for an unknown input.
    """
    flat = flat or flatten(network)
    name = input or _first_map(network)
    source = flat.inputs[network.inputs.index(name)]
    type = flat.types[source]
    values: list[Field | None] = [None] * len(flat.types)
    own = (_axis(((0, 1),), 1, n, True, axis) for axis, n in enumerate(type.sizes, 1))
    values[source] = _field(own, type.sizes)
    run = _Run(flat, values, type.sizes)
    run.layers(0, len(flat.layers), flat.turns)
    for number, field in run.first_turns.items():
        values[number] = field
    rows = tuple(FieldRow(layer.path, layer, values[layer.results[0]]) for layer in flat.layers)
    return FieldFacts(name, type, rows, flat, tuple(values))


class _Run:
    """Passes fields through the layers; through turns that are alike in as few steps as tell what all of them do."""

    def __init__(self, flat: Flat, values: list[Field | None], sizes: Shape) -> None:
        self.flat = flat
        self.values = values
        self.sizes = sizes
        self.first_turns: dict[int, Field | None] = {}
        """Of layers that stand for others, and of what their turn hands through: the fields in the first of their turns."""

    def layers(self, first: int, end: int, rows: Sequence[Turns]) -> None:
        """Those from one number to before another, with the rows of turns among them."""
        while first < end:
            if rows and rows[0].first == first:
                row, rest = rows[0], rows[1:]
                inside = [r for r in rest if r.end <= row.end]
                self._row(row, inside)
                rows, first = rest[len(inside) :], row.end
            else:
                self._layer(self.flat.layers[first])
                first += 1

    def _layer(self, layer: Layer) -> None:
        operands = [self.values[n] for n in layer.operands]
        for number, result in zip(layer.results, layer.result_types, strict=True):
            self.values[number] = _through(layer, operands, result, self.sizes)

    def _row(self, row: Turns, inside: Sequence[Turns]) -> None:
        read, made = [old for old, _ in row.carried], [new for _, new in row.carried]

        def turn(before: tuple[Field | None, ...]) -> tuple[Field | None, ...]:
            self._set(read, before)
            self.layers(row.first, row.end, inside)
            return tuple(self.values[n] for n in made)

        start = tuple(self.values[n] for n in read)
        turn(start)
        self._set(read, start)
        layers = self.flat.layers[row.first : row.end]
        first = {n: self.values[n] for n in (*made, *(n for layer in layers for n in layer.results))}
        known = {n: field for n, field in self.first_turns.items() if n in first}
        after = run_turns(row.turns, start, turn, _split, lambda state: _joined(state, self.sizes))
        self._set(read, start)
        self._set(made, after or [_unknown(self.sizes)] * len(made))
        self.first_turns |= first | known

    def _set(self, numbers: Sequence[int], fields: Sequence[Field | None]) -> None:
        for number, field in zip(numbers, fields, strict=True):
            self.values[number] = field


def _split(fields: Sequence[Field | None]) -> Split:
    axes = [axis for field in fields if field is not None for axis in field.axes]
    form = (
        [field is None for field in fields],
        [(axis.is_exact, axis.along, [span is None for span in axis.spans]) for axis in axes],
    )
    numbers = ((*(n for s in a.spans if s is not None for n in s), a.size, a.step, a.low, a.high) for a in axes)
    return Split(form, tuple(n for own in numbers for n in own))


def _joined(state: Split, sizes: Shape) -> tuple[Field | None, ...]:
    absent, forms = cast(tuple[list[bool], list[tuple[bool, int | None, list[bool]]]], state.form)
    numbers, own = iter(state.numbers), iter(forms)

    def axis() -> AxisField:
        is_exact, along, missing = next(own)
        spans = tuple(None if m else (next(numbers), next(numbers)) for m in missing)
        size, step, low, high = (next(numbers) for _ in range(4))
        return AxisField(size, spans, step, low, high, is_exact, along)

    return tuple(None if gone else _field([axis() for _ in sizes], sizes) for gone in absent)


def _unknown(sizes: Shape) -> Field:
    """What is known of a unit without knowing its field: it reads no more than all."""
    return _field([_axis(((0, n),), 0, 1, False, None) for n in sizes], sizes)


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


def _first_map(network: Network) -> str:
    named = zip(network.inputs, network.input_types, strict=True)
    return next((name for name, type in named if type.sizes), network.inputs[0])


def _field(axes: Iterable[AxisField], sizes: Sequence[int]) -> Field:
    axes = tuple(axes)
    if not all(a.is_exact for a in axes):
        return Field(axes, "bound")
    whole = bool(axes) and all(a.covers(n) for a, n in zip(axes, sizes, strict=True))
    return Field(axes, "whole input" if whole else "exact")


def _axis(spans: tuple[Span | None, ...], step: int, count: int, is_exact: bool, along: int | None) -> AxisField:
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


def _through(layer: Layer, operands: Sequence[Field | None], result: TensorType, sizes: Sequence[int]) -> Field | None:
    """The field of a result behind one operator."""
    reach = layer.op.reach(*layer.operand_types)
    moved = []
    for index, (field, type) in enumerate(zip(operands, layer.operand_types, strict=True)):
        entries = _entries(reach, index, type, result)
        if field is not None and entries is not None:
            axes = zip(field.axes, sizes, strict=True)
            moved.append([_move(axis, n, entries, type.shape, result.shape) for axis, n in axes])
    if not moved:
        return None
    return _field([_union(axes, n, result) for axes, n in zip(zip(*moved, strict=True), sizes, strict=True)], sizes)


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
    if not axis.spans:
        return axis._replace(along=entry.axis) if _is_still(entry) else _bound([axis])
    count = after[entry.axis] if entry.axis < len(after) else 1
    if entry.stride == 0 or (_is_still(entry) and before[axis.along] == 1 != count):  # one unit for all
        return _axis((_hull(axis, entry, 0),), 0, 1, axis.is_exact, None)
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
    return _axis(((max(axis.low, 0), min(axis.high, rows)),), 0, 1, axis.is_exact, None)


def _resampled(axis: AxisField, entry: Rows, count: int) -> AxisField:
    period = len(axis.spans)
    turns = period // gcd(period, entry.stride)
    if turns * len(entry.spans) > LARGEST_PERIOD:
        return _bound([axis])
    spans = tuple(_hull(axis, entry, unit) for unit in range(turns * len(entry.spans)))
    return _axis(spans, axis.step * entry.stride * turns // period, count, axis.is_exact, entry.axis)


def _hull(axis: AxisField, entry: Rows, unit: int) -> Span | None:
    """The rows around all that a unit of the result reads."""
    turn, place = divmod(unit, len(entry.spans))
    span = entry.spans[place]
    if span is None:
        return None
    taps = range(span[0] + turn * entry.stride, span[1] + turn * entry.stride + 1, entry.dilation)
    period = len(axis.spans)
    read = [s for tap in {*taps[:period], *taps[-period:]} if (s := axis.span(tap)) is not None]
    return _around(read)


def _around(spans: Sequence[Span]) -> Span | None:
    return (min(s[0] for s in spans), max(s[1] for s in spans)) if spans else None


def _bound(axes: Sequence[AxisField]) -> AxisField:
    """All that any unit of these reads, for every unit."""
    span = min(a.low for a in axes), max(a.high for a in axes)
    return _axis((span,), 0, 1, False, None)


def _union(axes: Sequence[AxisField], rows: int, result: TensorType) -> AxisField:
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
    return _axis(spans, first.step * period // len(first.spans), count, all(a.is_exact for a in axes), axis)


def _enclosing(axes: Sequence[AxisField], count: int, along: int | None) -> AxisField:
    """The smallest field of one size and stride around others, for the units 0 to `count` - 1.

    Distances between two fields are linear in the unit, so the first and the last unit decide.
    """
    lines = [
        (span[0] - place * Fraction(a.step, len(a.spans)), Fraction(a.step, len(a.spans)), span[1] - span[0])
        for a in axes
        for place, span in enumerate(a.spans)
        if span is not None
    ]
    found = []
    for _, stride, _ in lines:
        begins = [start + unit * (own - stride) for start, own, _ in lines for unit in (0, count - 1)]
        ends = [start + size + unit * (own - stride) for start, own, size in lines for unit in (0, count - 1)]
        found.append((max(ends) - min(begins), stride, min(begins), max(ends)))
    _, stride, start, end = min(found)
    units = range(stride.denominator)
    spans = tuple((floor(start + unit * stride), ceil(end + unit * stride)) for unit in units)
    low, high = min(a.low for a in axes), max(a.high for a in axes)
    return _axis(spans, stride.numerator, count, False, along)._replace(low=low, high=high)
