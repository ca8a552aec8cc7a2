"""`pow`: a power."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples
from archdsl.ir.attrs import Field, Number
from archdsl.ops.families.elementary import Elementary


class Power(Elementary):
    """Each element to a power, a number: `pow(-0.5)` is one over the square root. Roots of negative numbers are NaN."""

    name = "pow"
    positional = 1
    keeps = "operand"
    examples: ClassVar[Examples] = (("pow(3)", "[128]", "[128]"), ("pow(-0.5)", "[8, 1, 1]", "[8, 1, 1]"))

    exponent: Number = Field(description="the exponent")

    def template(self) -> str:
        return f"torch.pow({{0}}, {self.exponent!r})"

    def summary(self) -> str:
        return f"pow {self.exponent:g}"
