"""`reduce_max`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Derivative, Examples, Gradient, Incoming, Saved, Types
from archdsl.ops.families.derivatives import spread
from archdsl.ops.families.reduction import Reduction


class ReduceMax(Reduction):
    """The largest element over one axis or several: `reduce_max(-1)` joins the points of a cloud, Qi et al. 2017.

    Where several are largest, the gradient is divided among them.
    """

    name = "reduce_max"
    method = "amax"
    examples: ClassVar[Examples] = (
        ("reduce_max(-1)", "[1024, 2048]", "[1024]"),
        ("reduce_max(0, keep=true)", "[64, 7, 7]", "[1, 7, 7]"),
    )

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        """On the way: which elements are largest, how many they are, and their share."""
        (x,), (y,) = operands, results
        largest = spread(x, self.repeated(x, y), x)
        made = spread(x, self.repeated(x, incoming.type), largest)
        scratch = (x._replace(dtype="bool"), y._replace(dtype="int64"), y)
        return (Derivative((Gradient("x0", made, scratch=scratch),)),)

    def saved(self, operands: Types, results: Types) -> Saved:
        return Saved(operands=(0,), result=True)
