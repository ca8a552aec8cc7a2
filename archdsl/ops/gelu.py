"""`gelu`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples
from archdsl.ops.families.activation import Activation


class Gelu(Activation):
    """x times the normal distribution function of x: the Gaussian error linear unit of Hendrycks & Gimpel 2016."""

    name = "gelu"
    module = "GELU"
    function = "F.gelu"
    examples: ClassVar[Examples] = (("gelu", "[64, 56, 56]", "[64, 56, 56]"),)
