"""`reciprocal`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples
from archdsl.ops.families.elementary import Elementary


class Reciprocal(Elementary):
    """One over each element."""

    name = "reciprocal"
    autocast = "float32"
    steps = 2
    keeps = "result"
    examples: ClassVar[Examples] = (("reciprocal", "[128]", "[128]"), ("reciprocal", "[8, 4, 4]", "[8, 4, 4]"))

    def template(self) -> str:
        return "torch.reciprocal({0})"
