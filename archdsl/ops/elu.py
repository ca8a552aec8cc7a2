"""`elu`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples
from archdsl.ops.families.activation import Activation


class Elu(Activation):
    """x above 0, exp(x) - 1 below: the exponential linear unit of Clevert et al. 2016, with alpha = 1."""

    name = "elu"
    module = "ELU"
    function = "F.elu"
    runs_in_place = True
    examples: ClassVar[Examples] = (("elu", "[64, 56, 56]", "[64, 56, 56]"),)
