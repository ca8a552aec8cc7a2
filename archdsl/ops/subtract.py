"""`subtract`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Derivative, Examples, Incoming, TensorType, Types
from archdsl.ops.families.checks import check_two
from archdsl.ops.families.derivatives import Term, handed_on, repeated, spread
from archdsl.ops.families.merge import INTEGERS, Elementwise


class Subtract(Elementwise):
    """The first value less the second, element by element. Of integers too."""

    name = "subtract"
    reads = INTEGERS
    examples: ClassVar[Examples] = (("subtract", "[8, 4, 4], [8, 4, 4]", "[8, 4, 4]"),)

    def infer(self, *operands: TensorType) -> Types:
        check_two(self.name, operands)
        return super().infer(*operands)

    def of_step(self, left: Term, right: Term, joined: TensorType, incoming: Incoming) -> Derivative:
        """The second one's is the negative of what comes in."""
        name, x = left
        negative = spread(joined, incoming.type)
        return Derivative((handed_on(name, x, joined, incoming), repeated(right, negative, incoming.is_single)))

    def join(self, left: str, right: str) -> str:
        return f"{left} - {right}"
