"""`reduce_sum`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Derivative, Examples, Gradient, Incoming, Types
from archdsl.ops.families.reduction import Reduction


class ReduceSum(Reduction):
    """The sum over one axis or several."""

    name = "reduce_sum"
    autocast = "raises"
    method = "sum"
    examples: ClassVar[Examples] = (
        ("reduce_sum(-1)", "[12, 197]", "[12]"),
        ("reduce_sum([1, 2])", "[64, 7, 7]", "[64]"),
    )

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        """The gradient is repeated without a copy."""
        return (Derivative((Gradient("x0", self.repeated(operands[0], incoming.type), "view"),)),)
