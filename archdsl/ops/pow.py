"""`pow`: a power."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples, TensorType, Types
from archdsl.ir.op.attrs import Field, Number
from archdsl.ops.families.elementary import Elementary


class Power(Elementary):
    """Each element to a power, a number: `pow(-0.5)` is one over the square root. Roots of negative numbers are NaN."""

    name = "pow"
    autocast = "float32"
    positional = 1
    keeps = "operand"
    examples: ClassVar[Examples] = (("pow(3)", "[128]", "[128]"), ("pow(-0.5)", "[8, 1, 1]", "[8, 1, 1]"))

    exponent: Number = Field(description="the exponent")

    def made(self, incoming: TensorType, *read: TensorType) -> TensorType:
        """Of the exponent 0 they are zeros, which nothing is read for."""
        return super().made(incoming, *read) if self.exponent else incoming.with_shape(incoming.shape)

    def on_the_way(self, y: TensorType) -> Types:
        """The power one lower and its multiple; the exponent 0 has neither."""
        return (y, y) if self.exponent else ()

    def template(self) -> str:
        return f"torch.pow({{0}}, {self.exponent!r})"

    def summary(self) -> str:
        return f"pow {self.exponent:g}"
