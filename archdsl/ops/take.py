"""`take`: rows of an axis, by number."""

from __future__ import annotations

from typing import ClassVar, Literal

from archdsl.ir import (
    Axes,
    Examples,
    Expression,
    Lowering,
    Misfit,
    Op,
    Reach,
    Rows,
    Saved,
    Shape,
    TensorType,
    Types,
    is_open,
    show_shape,
)
from archdsl.ir.op.attrs import Axis, Field
from archdsl.ir.strides import elementwise
from archdsl.ops.families.checks import check_axis
from archdsl.source import counted


class Take(Op):
    """The rows of an axis that integers name, in their order: the axes of `index` stand where the axis stood.

    A table of biases by relative position is read so: `table -> take(index=places)`, Liu et al. 2021. Every sample reads the
    same rows, unless `index` has a batch axis; then it is a list of rows of the first axis, for each sample its own: the boxes
    that `topk` or `nms` chose.
    """

    name = "take"
    category = "reshape"
    numbered = False
    reads_unbatched = True
    tensor_attributes = ("index",)
    examples: ClassVar[Examples] = (
        ("take", "unbatched [169, 3], unbatched int64 [49, 49]", "unbatched [49, 49, 3]"),
        ("take(axis=1)", "[64, 100], unbatched int64 [10]", "[64, 10]"),
        ("take", "[4507, 4], int64 [1000]", "[1000, 4]"),
    )

    axis: Axis = Field(0, description="the axis whose rows are taken")

    def _axis(self, operands: Types) -> int:
        """Raises `Misfit`."""
        if len(operands) < 2:
            raise Misfit("`take` needs the numbers of the rows", operand=0, help="as `take(index=places)`")
        x, index = operands
        axis = check_axis(self.name, self.axis, x)
        if index.dtype != "int64":
            raise Misfit(
                f"`take` finds rows by int64 numbers, not by {index.dtype}",
                code="wrong-dtype",
                operand=1,
                label=f"{index.dtype} values",
            )
        if not index.rank:
            raise Misfit("`index` needs an axis", code="wrong-rank", operand=1, help="one row is `select`ed")
        if index.batched and (axis or (x.batched and index.rank != 1)):
            raise Misfit(
                "with an index for each sample `take` reads axis 0 by a list",
                code="shape-mismatch",
                operand=1,
                label="has a batch axis" if axis else counted(index.rank, "axis"),
                help="`permute` brings the axis to the front"
                if axis
                else f"`flatten` the numbers, and `reshape` the rows to {show_shape((*index.shape, *x.shape[1:]))}",
            )
        return axis

    def infer(self, *operands: TensorType) -> Types:
        axis = self._axis(operands)
        x, index = operands
        shape = (*x.shape[:axis], *index.shape, *x.shape[axis + 1 :])
        plain = x.with_shape(shape)._replace(batched=x.batched or index.batched)
        if (x.batched and index.batched) or is_open(shape):
            return (plain,)
        # PyTorch computes it element by element, all three tensors spread over the axes of the result.
        before = axis + x.batched
        after = len(x.tensor_strides) - before - 1
        own, places = x.tensor_strides, index.tensor_strides
        spread: tuple[Shape, ...] = (
            (*own[:before], *(0 for _ in places), *own[before + 1 :]),
            (*(0,) * before, *places, *(0,) * after),
        )
        sizes = plain.tensor_shape
        return (plain.with_strides(shape, elementwise(sizes, *((sizes, s) for s in spread))),)

    def reach(self, *operands: TensorType) -> Reach:
        axis = self._axis(operands)
        x, index = operands
        taken = Rows(axis, ()) if index.rank == 1 else None
        own: tuple[Rows | Literal["whole"] | None, ...] = tuple(
            taken if a == axis else Rows(a + (index.rank - 1) * (a > axis)) for a in range(x.rank)
        )
        return Axes(own, tuple(Rows(axis + a) for a in range(index.rank)))

    def saved(self, operands: Types, results: Types) -> Saved:
        x, index = operands
        return Saved(operands=(0, 1) if x.batched and index.batched else (1,))

    def gradient_type(self, x: TensorType, y: TensorType, incoming: TensorType) -> TensorType:
        return x.with_shape(x.shape)

    def pytorch(self, *operands: TensorType) -> Lowering:
        x, index = operands
        if x.batched and index.batched:
            repeated = (
                f"[{', '.join(['...', *['None'] * (x.rank - 1)])}].expand(-1, -1, {', '.join(map(str, x.shape[1:]))})"
            )
            return Lowering(function=Expression(f"{{0}}.gather(1, {{1}}{repeated if x.rank > 1 else ''})"))
        axis = self._axis(operands) + x.batched
        return Lowering(function=Expression(f"{{0}}[{':, ' * axis}{{1}}]"))
