"""`softmax`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples
from archdsl.ops.families.softmax import SoftmaxOverAxis


class Softmax(SoftmaxOverAxis):
    """exp(x_i) / sum of exp(x_j) along one axis: a distribution. On a vector the axis may be left out."""

    name = "softmax"
    module = "Softmax"
    is_never_negative = True
    examples: ClassVar[Examples] = (
        ("softmax", "[1000]", "[1000]"),
        ("softmax(axis=0)", "[21, 64, 64]", "[21, 64, 64]"),
    )
