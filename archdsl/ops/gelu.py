"""`gelu`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples, Lowering, TensorType
from archdsl.ir.op.attrs import Field, Flag
from archdsl.ops.families.activation import Activation
from archdsl.ops.families.calls import call_and_function


class Gelu(Activation):
    """x times the normal distribution function of x: the Gaussian error linear unit of Hendrycks & Gimpel 2016.

    `approximate=true` is their formula with a tanh, as the GPT models have it.
    """

    name = "gelu"
    module = "GELU"
    function = "F.gelu"
    examples: ClassVar[Examples] = (
        ("gelu", "[64, 56, 56]", "[64, 56, 56]"),
        ("gelu(approximate=true)", "[128, 3072]", "[128, 3072]"),
    )

    approximate: Flag = Field(False, description="whether a tanh stands in for the distribution function")

    def pytorch(self, *operands: TensorType) -> Lowering:
        if not self.approximate:
            return super().pytorch(*operands)
        return call_and_function(self.module, self.name, (), (("approximate", "tanh"),))
