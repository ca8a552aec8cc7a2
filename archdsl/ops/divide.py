"""`divide`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Derivative, Examples, Incoming, Saved, TensorType, Types
from archdsl.ops.families.checks import check_two
from archdsl.ops.families.derivatives import Term, quotient
from archdsl.ops.families.merge import Elementwise


class Divide(Elementwise):
    """The first value over the second, element by element."""

    name = "divide"
    examples: ClassVar[Examples] = (
        ("divide", "[8, 4, 4], [8, 4, 4]", "[8, 4, 4]"),
        ("divide", "[64, 197], [64, 1]", "[64, 197]"),
    )

    def infer(self, *operands: TensorType) -> Types:
        check_two(self.name, operands)
        return super().infer(*operands)

    def saved(self, operands: Types, results: Types) -> Saved:
        """The divisor, and the dividend for the divisor's gradient."""
        return Saved((1,), for_others=(0,)) if len(operands) == 2 else Saved()

    def of_step(self, left: Term, right: Term, joined: TensorType, incoming: Incoming) -> Derivative:
        return Derivative(quotient(left, right, joined, incoming.type, incoming.is_single))

    def join(self, left: str, right: str) -> str:
        return f"{left} / {right}"
