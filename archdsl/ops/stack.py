"""`stack`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import (
    Autocast,
    Axes,
    Derivative,
    Examples,
    Incoming,
    Lowering,
    Misfit,
    Parts,
    Reach,
    Rows,
    TensorType,
    Types,
    agree,
)
from archdsl.ir.op.attrs import Axis, Field
from archdsl.ops.families.calls import dim, function
from archdsl.ops.families.checks import numbered
from archdsl.ops.families.merge import Merge, check_axes, check_one_dtype, check_same_rank
from archdsl.ops.families.repeated import listed, of_parts, put_together, repeated


class Stack(Merge):
    """Values of one shape along a new axis. One value alone gets the axis too.

    A learned tensor is repeated over the batch, which its leading 1 stands for.
    """

    name = "stack"
    is_itself_of_one = False
    examples: ClassVar[Examples] = (
        ("stack", "[8, 4], [8, 4], [8, 4]", "[3, 8, 4]"),
        ("stack(axis=-1)", "[8, 4], [8, 4]", "[8, 4, 2]"),
    )

    axis: Axis = Field(0, description="the number of the new axis")

    def infer(self, *operands: TensorType) -> Types:
        check_one_dtype(self.name, operands)
        values = repeated(self.name, operands)
        first = values[0].shape
        for index, x in enumerate(values):
            check_same_rank(self.name, first, x.shape, index)
            sizes = enumerate(zip(first, x.shape, strict=True))
            check_axes(self.name, first, x.shape, index, (a for a, (m, n) in sizes if not agree(m, n)))
        axis = self._axis(values[0])
        shape = (*first[:axis], len(values), *first[axis:])
        if axis == len(first):
            return (values[0].with_shape(shape),)
        # PyTorch puts them one behind the other along the axis that comes next, and takes that apart.
        behind = put_together(values, (*first[:axis], len(values) * first[axis], *first[axis + 1 :]))
        return (behind.viewed_as(shape) or behind.with_shape(shape),)

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        """Views of the one gradient; that of a learned tensor is then summed over the batch."""
        values = repeated(self.name, operands)
        strides = list(incoming.type.tensor_strides)
        del strides[self._axis(values[0]) + values[0].batched]
        return of_parts([x.with_strides(x.shape, tuple(strides)) for x in values], operands, incoming)

    def _axis(self, x: TensorType) -> int:
        if not -x.rank - 1 <= self.axis <= x.rank:
            raise Misfit(
                f"`stack` makes {x.rank + 1} axes out of {x.rank}, and none of them is axis {self.axis}",
                attribute="axis",
                help=numbered(x.rank + 1),
            )
        return self.axis % (x.rank + 1)

    def autocast_on_cpu(self, *operands: TensorType) -> Autocast:
        return "promotes"

    def reach(self, *operands: TensorType) -> Reach:
        values = repeated(self.name, operands)
        axis = self._axis(values[0])
        entries = (tuple(Rows(a + (a >= axis)) for a in range(x.rank)) for x in values)
        return Axes(*entries, parts=Parts(axis, tuple((i, i + 1) for i in range(len(values)))))

    def pytorch(self, *operands: TensorType) -> Lowering:
        values = repeated(self.name, operands)
        given = (("dim", dim(self.axis, values[0])),)
        return Lowering(function=function("torch.stack", (), given, operand=listed(operands)))
