"""`argmax`: where the largest element is."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Axes as AxisByAxis
from archdsl.ir import Examples, Expression, Lowering, Misfit, Op, Reach, TensorType, Types
from archdsl.ir.op.attrs import Axis, Field
from archdsl.ops.families.checks import check_axis
from archdsl.ops.families.moves import over


class ArgMax(Op):
    """The number of the largest element along an axis, which is gone from the result. Integers have no gradient."""

    name = "argmax"
    category = "pool"
    positional = 1
    numbered = False
    reads_unbatched = True
    examples: ClassVar[Examples] = (
        ("argmax(0)", "[21, 64, 64]", "int64 [64, 64]"),
        ("argmax(-1)", "int64 [77]", "int64 []"),
    )

    axis: Axis = Field(description="the axis along which elements are compared")

    def _axis(self, x: TensorType) -> int:
        return check_axis(self.name, self.axis, x)

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        if x.dtype == "bool":
            raise Misfit(
                "`argmax` compares numbers, not bool",
                code="wrong-dtype",
                operand=0,
                label="bool values",
                help="`cast(int64)` makes such of them",
            )
        axis = self._axis(x)
        return (TensorType((*x.shape[:axis], *x.shape[axis + 1 :]), "int64", x.batched),)

    def reach(self, *operands: TensorType) -> Reach:
        (x,) = operands
        axis = self._axis(x)
        kept = over(x, axis).operands[0]
        return AxisByAxis(tuple(r._replace(axis=r.axis - (r.axis > axis)) if isinstance(r, tuple) else r for r in kept))

    def pytorch(self, *operands: TensorType) -> Lowering:
        (x,) = operands
        return Lowering(function=Expression(f"{{0}}.argmax({self._axis(x) + x.batched})"))

    def summary(self) -> str:
        return f"argmax {self.axis}"
