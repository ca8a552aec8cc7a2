"""`log`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples
from archdsl.ops.families.elementary import Elementary


class Log(Elementary):
    """The natural logarithm of each element. That of a negative number is NaN."""

    name = "log"
    autocast = "float32"
    keeps = "operand"
    examples: ClassVar[Examples] = (("log", "[128]", "[128]"), ("log", "[8, 4, 4]", "[8, 4, 4]"))

    def template(self) -> str:
        return "torch.log({0})"
