"""`celu`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples, Literal, TensorType
from archdsl.ir.attrs import Field, Positive
from archdsl.ops.families.activation import Activation


class Celu(Activation):
    """x above 0, alpha * (exp(x / alpha) - 1) below: an exponential linear unit without a bend at 0, Barron 2017."""

    name = "celu"
    positional = 1
    module = "CELU"
    function = "F.celu"
    runs_in_place = True
    examples: ClassVar[Examples] = (("celu", "[64, 56, 56]", "[64, 56, 56]"),)

    alpha: Positive = Field(1, description="the value that it tends to below 0, without its sign")

    def arguments(self, x: TensorType) -> tuple[Literal, ...]:
        return () if self.alpha == 1 else (self.alpha,)
