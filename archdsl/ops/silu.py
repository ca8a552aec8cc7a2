"""`silu`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples
from archdsl.ops.families.activation import Activation


class Silu(Activation):
    """x * sigmoid(x), also called swish: Elfwing et al. 2018, Ramachandran et al. 2017."""

    name = "silu"
    module = "SiLU"
    function = "F.silu"
    copies_in_place = True
    examples: ClassVar[Examples] = (("silu", "[64, 56, 56]", "[64, 56, 56]"),)
