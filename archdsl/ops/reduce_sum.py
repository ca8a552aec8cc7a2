"""`reduce_sum`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples
from archdsl.ops.families.reduction import Reduction


class ReduceSum(Reduction):
    """The sum over one axis or several."""

    name = "reduce_sum"
    method = "sum"
    examples: ClassVar[Examples] = (
        ("reduce_sum(-1)", "[12, 197]", "[12]"),
        ("reduce_sum([1, 2])", "[64, 7, 7]", "[64]"),
    )
