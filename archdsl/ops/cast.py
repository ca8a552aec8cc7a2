"""`cast`: another type of numbers."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Derivative, Examples, Expression, Gradient, Incoming, Lowering, Op, TensorType, Types
from archdsl.ir.op.attrs import ElementType, Field


class Cast(Op):
    """The same values as numbers of another type: a mask as 0 and 1 by `cast(float32)`, a count as a number.

    Booleans are true of all but 0; integers leave out what stands behind the point. Only floats hand a gradient on.
    """

    name = "cast"
    category = "activation"
    positional = 1
    numbered = False
    reads_unbatched = True
    examples: ClassVar[Examples] = (("cast(float32)", "bool [16, 8]", "[16, 8]"), ("cast(int64)", "[7]", "int64 [7]"))

    to: ElementType = Field(description="the type of the result's elements")

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        return (x if x.dtype == self.to else x.computed()._replace(dtype=self.to),)

    def is_view(self, *operands: TensorType) -> bool:
        return operands[0].dtype == self.to

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        """Elements lie as those of the gradient that comes in (`_to_copy_backward` in ATen's `FunctionsManual.cpp`)."""
        (x,), (y,) = operands, results
        if not (x.is_float and y.is_float):
            return ()
        if x.dtype == y.dtype:
            return (Derivative((Gradient("x0", y, "same"),)),)
        return (Derivative((Gradient("x0", incoming.type.computed()._replace(dtype=x.dtype)),)),)

    def is_known_in_half(self, operands: Types) -> bool:
        """Nothing tells the values of float32 from the others then."""
        x, y = operands[0], self.infer(*operands)[0]
        return y.dtype != "float32" and not (x.is_float and y.is_float)

    def is_cast_exactly(self, operands: Types, results: Types, *, is_lower: bool) -> bool:
        return False

    def pytorch(self, *operands: TensorType) -> Lowering:
        return Lowering(function=Expression(f"{{0}}.to(torch.{self.to})", ("torch",)))

    def summary(self) -> str:
        return f"cast {self.to}"
