"""`cos`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples
from archdsl.ops.families.elementary import Elementary


class Cosine(Elementary):
    """The cosine of each element. With `sin` it makes codes of places and times: Ho et al. 2020."""

    name = "cos"
    steps = 2
    keeps = "operand"
    examples: ClassVar[Examples] = (("cos", "[3]", "[3]"), ("cos", "[256]", "[256]"))

    def template(self) -> str:
        return "torch.cos({0})"
