"""`log_softmax`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples
from archdsl.ops.families.softmax import SoftmaxOverAxis


class LogSoftmax(SoftmaxOverAxis):
    """x_i - log(sum of exp(x_j)) along one axis: the logarithm of `softmax`. On a vector the axis may be left out."""

    name = "log_softmax"
    module = "LogSoftmax"
    examples: ClassVar[Examples] = (("log_softmax", "[1000]", "[1000]"), ("log_softmax(axis=-1)", "[8, 5]", "[8, 5]"))
