"""`hard_tanh`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples, Literal, Misfit, TensorType, Types
from archdsl.ir.op.attrs import Field, Number
from archdsl.ops.families.activation import Activation


class HardTanh(Activation):
    """x between `min` and `max`, and these beyond: tanh in straight lines, Collobert 2004."""

    name = "hard_tanh"
    positional = 2
    scalars = ("min", "max")
    module = "Hardtanh"
    function = "F.hardtanh"
    examples: ClassVar[Examples] = (
        ("hard_tanh", "[64, 56, 56]", "[64, 56, 56]"),
        ("hard_tanh(0, 20)", "[32, 41, 100]", "[32, 41, 100]"),
    )

    min: Number = Field(-1, description="the least value")
    max: Number = Field(1, description="the largest value")

    def infer(self, *operands: TensorType) -> Types:
        if self.min >= self.max:
            raise Misfit(
                "`hard_tanh` needs `min` to be less than `max`", attribute="min", label=f"not under {self.max:g}"
            )
        return super().infer(*operands)

    def arguments(self, x: TensorType) -> tuple[Literal, ...]:
        return () if (self.min, self.max) == (-1, 1) else (self.min, self.max)
