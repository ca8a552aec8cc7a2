"""`add`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples, Lowering, Saved, TensorType, Types
from archdsl.ops.families.merge import INTEGERS, Elementwise


class Add(Elementwise):
    """The sum, element by element. The shortcut of a residual network, He et al. 2016.

    Of integers too: an offset leads the rows of one table to those of another.
    """

    name = "add"
    reads = INTEGERS
    examples: ClassVar[Examples] = (
        ("add", "[256, 56, 56], [256, 56, 56]", "[256, 56, 56]"),
        ("add", "[8, 4, 4], [8, 1, 1], [8, 4, 4]", "[8, 4, 4]"),
        ("add", "int64 [26], unbatched int64 [26]", "int64 [26]"),
    )

    def join(self, left: str, right: str) -> str:
        return f"{left} + {right}"

    def saved_in_place(self, operands: Types, results: Types) -> Saved | None:
        """Nothing, when a second operand is added into the first."""
        return Saved() if len(operands) == 2 and operands[0] == results[0] else None

    def pytorch(self, *operands: TensorType) -> Lowering:
        lowering = super().pytorch(*operands)
        if lowering.function is None or self.saved_in_place(operands, self.infer(*operands)) is None:
            return lowering
        return Lowering(function=lowering.function._replace(accumulates="+="))
