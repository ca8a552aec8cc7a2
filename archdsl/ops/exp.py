"""`exp`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples
from archdsl.ops.families.elementary import Elementary


class Exp(Elementary):
    """The exponential of each element."""

    name = "exp"
    autocast = "float32"
    keeps = "result"
    examples: ClassVar[Examples] = (("exp", "[128]", "[128]"), ("exp", "[8, 4, 4]", "[8, 4, 4]"))

    def template(self) -> str:
        return "torch.exp({0})"
