"""`relu6`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples
from archdsl.ops.families.activation import Activation


class Relu6(Activation):
    """min(max(x, 0), 6): bounded for arithmetic of low precision, Howard et al. 2017."""

    name = "relu6"
    module = "ReLU6"
    function = "F.relu6"
    copies_in_place = True
    is_never_negative = True
    examples: ClassVar[Examples] = (("relu6", "[64, 56, 56]", "[64, 56, 56]"),)
