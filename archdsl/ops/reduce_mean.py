"""`reduce_mean`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Derivative, Examples, Gradient, Incoming, Types
from archdsl.ops.families.reduction import Reduction


class ReduceMean(Reduction):
    """The mean over one axis or several: of tokens `reduce_mean(0)`, of the pixels of a map `reduce_mean([1, 2])`."""

    name = "reduce_mean"
    method = "mean"
    examples: ClassVar[Examples] = (
        ("reduce_mean(0)", "[197, 768]", "[768]"),
        ("reduce_mean([1, 2], keep=true)", "[64, 7, 7]", "[64, 1, 1]"),
    )

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        """The gradient is repeated without a copy, and divided."""
        return (Derivative((Gradient("x0", self.repeated(operands[0], incoming.type).computed()),)),)
