"""`subtract`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples, Misfit, TensorType, Types
from archdsl.ops.families.merge import Elementwise


class Subtract(Elementwise):
    """The first value less the second, element by element."""

    name = "subtract"
    examples: ClassVar[Examples] = (("subtract", "[8, 4, 4], [8, 4, 4]", "[8, 4, 4]"),)

    def infer(self, *operands: TensorType) -> Types:
        if len(operands) > 2:
            raise Misfit(f"`subtract` takes two values, not {len(operands)}", code="shape-mismatch", operand=2)
        return super().infer(*operands)

    def join(self, left: str, right: str) -> str:
        return f"{left} - {right}"
