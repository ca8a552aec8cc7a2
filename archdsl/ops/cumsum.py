"""`cumsum`: running sums."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Derivative, Examples, Expression, Gradient, Incoming, Lowering, Op, Reach, TensorType, Types
from archdsl.ir.op.attrs import Axis, Field
from archdsl.ops.families.checks import check_axis, check_float
from archdsl.ops.families.moves import over


class CumulativeSum(Op):
    """The sums of the elements up to each one along an axis: decays of state spaces, Dao & Gu 2024."""

    name = "cumsum"
    category = "pool"
    autocast = "raises"
    positional = 1
    numbered = False
    reads_unbatched = True
    examples: ClassVar[Examples] = (("cumsum(0)", "[64, 16]", "[64, 16]"), ("cumsum(-1)", "[8, 100]", "[8, 100]"))

    axis: Axis = Field(description="the axis along which is summed")

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        check_float(self.name, x)
        check_axis(self.name, self.axis, x)
        return (x.with_shape(x.shape),)

    def reads_less(self, *operands: TensorType) -> bool:
        return True

    def reach(self, *operands: TensorType) -> Reach:
        return over(operands[0], check_axis(self.name, self.axis, operands[0]))

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        """The running sums from the end: reversed, summed and reversed again."""
        (x,), (y,) = operands, results
        if x.shape[check_axis(self.name, self.axis, x)] == 1:
            return (Derivative((Gradient("x0", y, "same"),)),)
        return (Derivative((Gradient("x0", y, scratch=(y, y)),)),)

    def pytorch(self, *operands: TensorType) -> Lowering:
        (x,) = operands
        return Lowering(function=Expression(f"{{0}}.cumsum({check_axis(self.name, self.axis, x) + x.batched})"))

    def summary(self) -> str:
        return f"cumsum {self.axis}"
