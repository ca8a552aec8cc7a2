"""`elu`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples, Literal, TensorType
from archdsl.ir.attrs import Field, Positive
from archdsl.ops.families.activation import Activation


class Elu(Activation):
    """x above 0, alpha * (exp(x) - 1) below: the exponential linear unit of Clevert et al. 2016."""

    name = "elu"
    positional = 1
    module = "ELU"
    function = "F.elu"
    runs_in_place = True
    examples: ClassVar[Examples] = (("elu", "[64, 56, 56]", "[64, 56, 56]"),)

    alpha: Positive = Field(1, description="the value that it tends to below 0, without its sign")

    def arguments(self, x: TensorType) -> tuple[Literal, ...]:
        return () if self.alpha == 1 else (self.alpha,)
