"""`mish`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples
from archdsl.ops.families.activation import Activation


class Mish(Activation):
    """x * tanh(softplus(x)): Misra 2020."""

    name = "mish"
    module = "Mish"
    function = "F.mish"
    examples: ClassVar[Examples] = (("mish", "[64, 56, 56]", "[64, 56, 56]"),)
