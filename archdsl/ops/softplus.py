"""`softplus`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples
from archdsl.ops.families.activation import Activation


class Softplus(Activation):
    """log(1 + exp(x)), a smooth relu: Dugas et al. 2001. Above 20 it is x itself."""

    name = "softplus"
    autocast = "float32"
    module = "Softplus"
    function = "F.softplus"
    is_never_negative = True
    examples: ClassVar[Examples] = (("softplus", "[64, 56, 56]", "[64, 56, 56]"),)
