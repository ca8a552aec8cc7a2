"""`identity`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples, Expression, Lowering, Op, TensorType


class Identity(Op):
    """The value itself: an arm of a merge, or the argument for a layer parameter, that changes nothing."""

    name = "identity"
    category = "reshape"
    numbered = False
    reads_unbatched = True
    examples: ClassVar[Examples] = (("identity", "[64, 56, 56]", "[64, 56, 56]"),)

    def is_view(self, *operands: TensorType) -> bool:
        return True

    def pytorch(self, *operands: TensorType) -> Lowering:
        return Lowering(function=Expression("{0}"))
