"""`sigmoid`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples
from archdsl.ops.families.activation import Activation


class Sigmoid(Activation):
    """1 / (1 + exp(-x))."""

    name = "sigmoid"
    module = "Sigmoid"
    function = "torch.sigmoid"
    keeps_result = True
    is_never_negative = True
    examples: ClassVar[Examples] = (("sigmoid", "[64, 56, 56]", "[64, 56, 56]"),)
