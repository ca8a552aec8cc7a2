"""`celu`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples
from archdsl.ops.families.activation import ExponentialUnit


class Celu(ExponentialUnit):
    """x above 0, alpha * (exp(x / alpha) - 1) below: an exponential linear unit without a bend at 0, Barron 2017."""

    name = "celu"
    module = "CELU"
    function = "F.celu"
    examples: ClassVar[Examples] = (("celu", "[64, 56, 56]", "[64, 56, 56]"),)
