"""`topk`: the largest elements, and where they are."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Axes as AxisByAxis
from archdsl.ir import Examples, Expression, Lowering, Misfit, Op, Reach, Rows, Saved, TensorType, Types
from archdsl.ir.op.attrs import Axis, Field, Size
from archdsl.ops.families.checks import check_axis, check_float


class TopK(Op):
    """The largest elements along an axis, the largest first, and their numbers there as int64.

    `scores -> topk(1000) as best, places` takes the two apart; `take(index=places)` finds the rows of other values.
    """

    name = "topk"
    category = "pool"
    positional = 2
    numbered = False
    reads_unbatched = True
    examples: ClassVar[Examples] = (
        ("topk(1000)", "[120000]", "[1000], int64 [1000]"),
        ("topk(2, axis=0)", "[8, 197]", "[2, 197], int64 [2, 197]"),
    )

    count: Size = Field(description="how many elements are taken")
    axis: Axis = Field(-1, description="the axis along which elements are compared")

    def _axis(self, x: TensorType) -> int:
        return check_axis(self.name, self.axis, x)

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        check_float(self.name, x)
        axis = self._axis(x)
        if self.count > x.shape[axis]:
            raise Misfit(
                f"`topk` cannot take {self.count} of {x.shape[axis]} elements",
                attribute="count",
                help=f"`topk({x.shape[axis]})` takes all" if self.axis == -1 else None,
            )
        shape = (*x.shape[:axis], self.count, *x.shape[axis + 1 :])
        return x.with_shape(shape), TensorType(shape, "int64", x.batched)

    def reach(self, *operands: TensorType) -> Reach:
        (x,) = operands
        return AxisByAxis(tuple(Rows(a, ()) if a == self._axis(x) else Rows(a) for a in range(x.rank)))

    def saved(self, operands: Types, results: Types) -> Saved:
        return Saved(result=True)

    def gradient_type(self, x: TensorType, y: TensorType, incoming: TensorType) -> TensorType:
        return x.with_shape(x.shape)

    def pytorch(self, *operands: TensorType) -> Lowering:
        (x,) = operands
        return Lowering(function=Expression(f"{{0}}.topk({self.count!r}, {self._axis(x) + x.batched})"))

    def summary(self) -> str:
        return f"topk {self.count}"
