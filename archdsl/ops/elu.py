"""`elu`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples
from archdsl.ops.families.activation import ExponentialUnit


class Elu(ExponentialUnit):
    """x above 0, alpha * (exp(x) - 1) below: the exponential linear unit of Clevert et al. 2016."""

    name = "elu"
    module = "ELU"
    function = "F.elu"
    examples: ClassVar[Examples] = (("elu", "[64, 56, 56]", "[64, 56, 56]"),)
