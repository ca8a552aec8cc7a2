"""Fields of values, and of a whole network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from archdsl.analyses.receptive_field.axis import AxisField, Entry, Join, UnitRows, move, union
from archdsl.ir import WHOLE, Axes, Flat, Layer, Node, Op, OpenSize, Reach, Rows, TensorType

Status = Literal["exact", "whole input", "bound"]


class Field(NamedTuple):
    """The receptive field of the units of one value, an entry for each axis of the input that has places."""

    axes: tuple[AxisField, ...]
    status: Status
    why: str = ""
    """What it depends on of sizes that are open; it has no axes then."""

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
    number: int
    """Of its value; -1 where the network has no input."""
    type: TensorType
    rows: tuple[FieldRow, ...]
    flat: Flat
    values: tuple[Field | None, ...]
    """By the numbers of `flat`'s values."""

    def of(self, *paths: str) -> Field | None:
        """The field at a path, the union over several. Raises `KeyError` for an unknown path, `OpenSize` where it depends."""
        numbers = [number for path in paths for number in self.flat.paths[path]]
        return gathered([(self.values[n], self.flat.types[n]) for n in numbers], self.type.positions)

    def unit(self, path: str, index: Sequence[int]) -> tuple[UnitRows, ...] | None:
        """What one unit of a path reads on each axis; None where that is not known.

        Raises `KeyError` for an unknown path, `IndexError` where there is no such unit.
        """
        return unit(path, self.flat.types[self.flat.paths[path][0]].sizes, self.of(path), index)


def gathered(values: Iterable[tuple[Field | None, TensorType]], sizes: Sequence[int]) -> Field | None:
    """The union of the fields of several values; None where none of them has one. Raises `OpenSize`."""
    known = [(field, type) for field, type in values if field is not None]
    require_known([field for field, _ in known])
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
    return [move(a, 0, entries, type.shape, other.shape) for a in field.axes]


def field_of(axes: Iterable[AxisField], sizes: Sequence[int]) -> Field:
    axes = tuple(axes)
    if not all(a.is_exact for a in axes):
        return Field(axes, "bound")
    whole = bool(axes) and all(a.covers(n) for a, n in zip(axes, sizes, strict=True))
    return Field(axes, "whole input" if whole else "exact")


def through(
    op: Op, node: Node, operands: Sequence[Field | None], number: int, sizes: Sequence[int], join: Join
) -> Field | None:
    """The field of a result, by its number, behind one operator; `join` says what becomes of those of its operands."""
    for operand in operands:
        if operand is not None and operand.why:
            return operand
    try:
        return _through(op, node, operands, number, sizes, join)
    except OpenSize as open_size:
        return open_field(open_size)


def open_field(why: OpenSize) -> Field:
    """What is said of a field that is not the same for all sizes that are open, or not known to be."""
    return Field((), "bound", str(why))


def require_known(fields: Iterable[Field | None]) -> None:
    """Raises `OpenSize` where one of these is not the same for all sizes that are open."""
    for field in fields:
        if field is not None and field.why:
            raise OpenSize(field.why)


def _through(
    op: Op, node: Node, operands: Sequence[Field | None], number: int, sizes: Sequence[int], join: Join
) -> Field | None:
    reach, result = op.reach_of(number, *node.operand_types), node.result_types[number]
    reads_less = op.reads_less(*node.operand_types)
    if reach == "pointwise" and [t.shape for t in node.operand_types] == [result.shape]:
        return operands[0]
    moved = []
    for index, (field, type) in enumerate(zip(operands, node.operand_types, strict=True)):
        entries = entries_of(reach, index, type, result)
        if field is not None and entries is not None:
            axes = zip(field.axes, sizes, strict=True)
            after = [move(axis, n, entries, type.shape, result.shape) for axis, n in axes]
            moved.append([*map(_at_most, field.axes, after)] if reads_less else after)
    if not moved:
        return None
    pairs = zip(zip(*moved, strict=True), sizes, strict=True)
    return field_of([join(axes, n, result, _apart(axes, reach, len(node.operands))) for axes, n in pairs], sizes)


def _apart(axes: Sequence[AxisField], reach: Reach, operands: int) -> int | None:
    """The axis along which a unit of the result reads one operand alone; None where all read the same.

    Channels lie along the first axis, and a unit is all of them, unless it is the one that places lie along.
    """
    if not isinstance(reach, Axes) or reach.parts is None:
        return None
    along, first = reach.parts.axis, axes[0]
    if along == 0 and all(a.along != 0 for a in axes):
        return None
    is_alike = all(a == first for a in axes) and (len(axes) == operands or first.along is not None)
    return None if is_alike and first.spans else along


def _at_most(before: AxisField, after: AxisField) -> AxisField:
    """What an operator makes of a field where some units read less than it says."""
    return after if after == before else after._replace(is_exact=False)


def entries_of(reach: Reach, operand: int, type: TensorType, result: TensorType) -> Sequence[Entry] | None:
    """How units of the result read each axis of an operand; None where they do not, but for its sizes or switches."""
    if isinstance(reach, Axes):
        return reach.operands[operand] if operand < len(reach.operands) else None
    if reach == "pointwise":
        return [Rows(axis) if type.rank == result.rank else None for axis in range(type.rank)]
    if reach == "whole" or len(reach) != type.rank - 1:
        return [WHOLE] * type.rank
    spans = (((-step.before, step.extent - 1 - step.before), step) for step in reach)
    return [WHOLE, *(Rows(a, (span,), step.stride, step.dilation) for a, (span, step) in enumerate(spans, 1))]
