"""`leaky_relu`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples, Literal, Saved, TensorType, Types
from archdsl.ir.op.attrs import Field, Number
from archdsl.ops.families.activation import Activation


class LeakyRelu(Activation):
    """x above 0, slope * x below: Maas et al. 2013."""

    name = "leaky_relu"
    positional = 1
    module = "LeakyReLU"
    function = "F.leaky_relu"
    runs_in_place = True
    reads_kept_first = True
    examples: ClassVar[Examples] = (("leaky_relu(0.2)", "[64, 56, 56]", "[64, 56, 56]"),)

    slope: Number = Field(0.01, description="factor of negative values")

    def arguments(self, x: TensorType) -> tuple[Literal, ...]:
        return () if self.slope == 0.01 else (self.slope,)

    def saved_in_place(self, operands: Types, results: Types) -> Saved | None:
        """The result, whose sign is the operand's unless the slope is negative; then it cannot run in place."""
        return super().saved_in_place(operands, results) if self.slope >= 0 else None
