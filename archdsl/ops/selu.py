"""`selu`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples
from archdsl.ops.families.activation import Activation


class Selu(Activation):
    """1.0507 x above 0, 1.7581 (exp(x) - 1) below: Klambauer et al. 2017, which keeps mean 0 and variance 1."""

    name = "selu"
    module = "SELU"
    function = "F.selu"
    examples: ClassVar[Examples] = (("selu", "[64, 56, 56]", "[64, 56, 56]"),)
