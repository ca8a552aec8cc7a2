"""`concat`."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import ClassVar

from archdsl.ir import (
    Autocast,
    Axes,
    Derivative,
    Examples,
    Incoming,
    Lowering,
    Parts,
    Reach,
    Rows,
    TensorType,
    Types,
    agree,
)
from archdsl.ir.op.attrs import Axis, Field
from archdsl.ops.families.calls import dim, function
from archdsl.ops.families.checks import check_axis
from archdsl.ops.families.merge import Merge, check_axes, check_one_dtype, check_same_rank
from archdsl.ops.families.repeated import listed, of_parts, put_together, repeated


class Concat(Merge):
    """The values one behind the other along an axis, by default their channels. All other axes agree.

    A learned tensor is repeated over the batch, which its leading 1 stands for.
    """

    name = "concat"
    examples: ClassVar[Examples] = (
        ("concat", "[64, 28, 28], [128, 28, 28], [32, 28, 28]", "[224, 28, 28]"),
        ("concat(axis=-1)", "[8, 5], [8, 3]", "[8, 8]"),
        ("concat", "unbatched [1, 1, 768], [196, 768]", "[197, 768]"),
    )

    axis: Axis = Field(0, description="the axis along which the values are put")

    def infer(self, *operands: TensorType) -> Types:
        check_one_dtype(self.name, operands)
        values = repeated(self.name, operands)
        first = values[0].shape
        axis = check_axis(self.name, self.axis, values[0])
        for index, x in enumerate(values):
            check_same_rank(self.name, first, x.shape, index)
            sizes = enumerate(zip(first, x.shape, strict=True))
            check_axes(self.name, first, x.shape, index, (a for a, (m, n) in sizes if a != axis and not agree(m, n)))
        total = sum(x.shape[axis] for x in values)
        return (put_together(values, (*first[:axis], total, *first[axis + 1 :])),)

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        """Views of the one gradient; that of a learned tensor is then summed over the batch."""
        strides = incoming.type.tensor_strides
        values = repeated(self.name, operands)
        part_of = {x: x.with_strides(x.shape, strides) for x in {*values}}
        return of_parts([part_of[x] for x in values], operands, incoming)

    def autocast_on_cpu(self, *operands: TensorType) -> Autocast:
        return "promotes"

    def reach(self, *operands: TensorType) -> Reach:
        values = repeated(self.name, operands)
        axis = check_axis(self.name, self.axis, values[0])
        ends = [*accumulate((x.shape[axis] for x in values), initial=0)]
        entries = (tuple(Rows(a, ()) if a == axis else Rows(a) for a in range(x.rank)) for x in values)
        return Axes(*entries, parts=Parts(axis, tuple(pairwise(ends))))

    def pytorch(self, *operands: TensorType) -> Lowering:
        values = repeated(self.name, operands)
        given = (("dim", dim(self.axis, values[0])),)
        return Lowering(function=function("torch.cat", (), given, operand=listed(operands)))
