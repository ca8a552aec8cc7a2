"""`unbind`: the rows of an axis, each for itself."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Axes, Derivative, Examples, Expression, Incoming, Lowering, Op, Reach, Rows, TensorType, Types
from archdsl.ir.op.attrs import Axis, Field
from archdsl.ops.families.calls import dim
from archdsl.ops.families.checks import check_axis


class Unbind(Op):
    """Takes an axis apart into its rows; the axis is gone from each. The results are a list.

    Attention takes queries, keys and values out of one projection so: `unbind as q, k, v`. Three times `select` gives the
    same values, but in backward three tensors of the size of all rows, which are summed; `unbind` puts the rows together once.
    """

    name = "unbind"
    category = "reshape"
    positional = 1
    numbered = False
    gives_list = True
    reads_unbatched = True
    examples: ClassVar[Examples] = (
        ("unbind", "[3, 12, 197, 64]", "[12, 197, 64], [12, 197, 64], [12, 197, 64]"),
        ("unbind(axis=-1)", "[100, 2]", "[100], [100]"),
    )

    axis: Axis = Field(0, description="the axis that is gone")

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        axis = check_axis(self.name, self.axis, x)
        shape, strides = list(x.shape), list(x.tensor_strides)
        del shape[axis], strides[axis + x.batched]
        return (x.with_strides(tuple(shape), tuple(strides)),) * x.shape[axis]

    def reach(self, *operands: TensorType) -> Reach:
        return self.reach_of(0, *operands)

    def reach_of(self, result: int, *operands: TensorType) -> Reach:
        (x,) = operands
        axis = check_axis(self.name, self.axis, x)
        return Axes(
            tuple(Rows(0, ((result, result),), 0) if a == axis else Rows(a - (a > axis)) for a in range(x.rank))
        )

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        takes = tuple(f"y{i}" for i in range(len(results)))
        zero = TensorType((), results[0].dtype, batched=False)  # repeated without a copy
        return (Derivative(self.laid_out(operands, results, incoming), takes, fills=(zero,) * len(results)),)

    def gradient_type(self, x: TensorType, y: TensorType, incoming: TensorType) -> TensorType:
        return x.with_shape(x.shape)

    def is_view(self, *operands: TensorType) -> bool:
        return True

    def pytorch(self, *operands: TensorType) -> Lowering:
        (x,) = operands
        axis = dim(self.axis, x)
        is_one = x.shape[check_axis(self.name, self.axis, x)] == 1
        return Lowering(function=Expression(f"{{0}}.select({axis!r}, 0)" if is_one else f"{{0}}.unbind({axis!r})"))
