from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from archdsl.ir import Flat, Layer, Network, Step, TensorType, flatten

Status = Literal["exact", "whole input", "bound"]


class UnitRows(NamedTuple):
    """The rows that one unit reads on one axis, both ends inclusive; outside 0..n - 1 they are padding."""

    first: int
    last: int


class AxisField(NamedTuple):
    """The field on one axis, in rows of the input: unit i reads `size` rows from `start + i * stride`."""

    size: int
    stride: int | None
    """None where a unit's number no longer says which rows it reads (after `flatten`); 0 where all read the same."""
    start: int | None
    low: int
    """The first row that any unit reads, and `high` the first that none does any more."""
    high: int
    is_exact: bool = True

    @property
    def centre(self) -> float | None:
        return None if self.start is None else self.start + self.size / 2

    def rows(self, unit: int) -> UnitRows | None:
        if self.start is None or self.stride is None:
            return None
        first = self.start + unit * self.stride
        return UnitRows(first, first + self.size - 1)

    def without_place(self) -> AxisField:
        return self._replace(stride=None, start=None)

    def covers(self, rows: int) -> bool:
        """Whether every unit reads all of an axis of so many rows, in one go."""
        return self.stride == 0 and self.start == 0 and self.size == rows


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
        return _join([self.values[n] for n in numbers], [self.flat.types[n] for n in numbers], self.type.sizes)

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
        places = index if len(index) == len(field.axes) else (0,) * len(field.axes)
        rows = [axis.rows(i) for axis, i in zip(field.axes, places, strict=True)]
        known = tuple(r for r in rows if r is not None)
        return known if len(known) == len(rows) else None


def receptive_field(network: Network, flat: Flat | None = None, input: str | None = None) -> FieldFacts:
    """The receptive field of every layer towards one input: the first with spatial axes unless named.

    On a chain of windows sizes are exact. Raises `ValueError` for an unknown input.
    """
    flat = flat or flatten(network)
    name = input or _first_map(network)
    source = flat.inputs[network.inputs.index(name)]
    type = flat.types[source]
    values: list[Field | None] = [None] * len(flat.types)
    values[source] = _field([AxisField(1, 1, 0, 0, n) for n in type.sizes], type.sizes)
    for layer in flat.layers:
        field = _through(layer, [values[n] for n in layer.operands], type.sizes)
        for number in layer.results:
            values[number] = field
    rows = tuple(FieldRow(layer.path, layer, values[layer.results[0]]) for layer in flat.layers)
    return FieldFacts(name, type, rows, flat, tuple(values))


def _first_map(network: Network) -> str:
    named = zip(network.inputs, network.input_types, strict=True)
    return next((name for name, type in named if type.sizes), network.inputs[0])


def _field(axes: Iterable[AxisField], sizes: Sequence[int]) -> Field:
    axes = tuple(axes)
    if not all(a.is_exact for a in axes):
        return Field(axes, "bound")
    whole = bool(axes) and all(a.covers(n) for a, n in zip(axes, sizes, strict=True))
    return Field(axes, "whole input" if whole else "exact")


def _through(layer: Layer, operands: Sequence[Field | None], sizes: Sequence[int]) -> Field | None:
    """The field behind one operator."""
    reach = layer.op.reach(*layer.operand_types)
    result = layer.result_types[0]
    if reach == "pointwise":
        return _join(operands, layer.operand_types, sizes, result)
    joined = _join(operands, layer.operand_types, sizes)
    if joined is None:
        return None
    if reach == "whole" or len(reach) != len(joined.axes):
        return _field([_whole(a, n) for a, n in zip(joined.axes, sizes, strict=True)], sizes)
    steps = zip(joined.axes, reach, _counts(result, sizes), strict=True)
    return _field([_step(axis, step, count) for axis, step, count in steps], sizes)


def _counts(type: TensorType, sizes: Sequence[int]) -> tuple[int, ...]:
    """Units on each axis; a value of another rank has none but its one place."""
    return type.sizes if len(type.sizes) == len(sizes) else (1,) * len(sizes)


def _whole(axis: AxisField, rows: int) -> AxisField:
    """All that the axis reads, without padding."""
    low, high = max(axis.low, 0), min(axis.high, rows)
    return AxisField(high - low, 0, low, low, high, axis.is_exact)


def _step(axis: AxisField, step: Step, count: int) -> AxisField:
    if axis.start is None or axis.stride is None:
        return AxisField(axis.high - axis.low, 0, axis.low, axis.low, axis.high, False)
    size = axis.size + (step.extent - 1) * axis.stride
    stride = axis.stride * step.stride
    start = axis.start - step.before * axis.stride
    return AxisField(size, stride, start, start, start + (count - 1) * stride + size, axis.is_exact)


def _join(
    fields: Sequence[Field | None], types: Sequence[TensorType], sizes: Sequence[int], result: TensorType | None = None
) -> Field | None:
    """The union of the fields that values of these types have; what does not depend on the input adds nothing."""
    known = [(field, type) for field, type in zip(fields, types, strict=True) if field is not None]
    if not known:
        return None
    counts = _counts(result or known[0][1], sizes)
    placed = [_placed(field, _counts(type, sizes), counts) for field, type in known]
    return _field(
        [_union(axes, n, c) for axes, n, c in zip(zip(*placed, strict=True), sizes, counts, strict=True)], sizes
    )


def _placed(field: Field, before: Sequence[int], after: Sequence[int]) -> list[AxisField]:
    """The axes as units of the result see them: one unit broadcast to many is the same for all."""
    return [
        axis if b == a else axis._replace(stride=0) if b == 1 and axis.start is not None else axis.without_place()
        for axis, b, a in zip(field.axes, before, after, strict=True)
    ]


def _union(axes: Sequence[AxisField], rows: int, count: int) -> AxisField:
    """What a unit reads that reads all of these."""
    first = axes[0]
    if all(a == first for a in axes) and (len(axes) == 1 or first.start is not None):
        return first
    whole = next((a for a in axes if a.covers(rows)), None)
    if whole is not None:
        return whole
    low, high = min(a.low for a in axes), max(a.high for a in axes)
    lines = [(a.start, a.stride, a.size) for a in axes if a.start is not None and a.stride is not None]
    if len(lines) < len(axes):
        return AxisField(high - low, 0, low, low, high, False)
    size, stride, start = min(_enclosing(lines, stride, count - 1) for _, stride, _ in lines)
    exact = len({stride for _, stride, _ in lines}) == 1 and all(a.is_exact for a in axes)
    return AxisField(size, stride, start, low, high, exact)


def _enclosing(lines: Sequence[tuple[int, int, int]], stride: int, last: int) -> tuple[int, int, int]:
    """Size, stride and start of the smallest field with this stride around others, for the units 0 to `last`.

    Distances between two fields are linear in the unit, so the first and the last unit decide.
    """
    begins = [start + unit * (own - stride) for start, own, _ in lines for unit in (0, last)]
    ends = [start + size + unit * (own - stride) for start, own, size in lines for unit in (0, last)]
    return max(ends) - min(begins), stride, min(begins)
