"""`multiply`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples
from archdsl.ops.families.merge import INTEGERS, Product


class Multiply(Product):
    """The product, element by element. A gate `[C, 1, 1]` weighs the channels of a map: Hu et al. 2018. Of integers too."""

    name = "multiply"
    reads = INTEGERS
    examples: ClassVar[Examples] = (("multiply", "[256, 56, 56], [256, 1, 1]", "[256, 56, 56]"),)

    def join(self, left: str, right: str) -> str:
        return f"{left} * {right}"
