"""`abs`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples
from archdsl.ops.families.pointwise import Pointwise


class Absolute(Pointwise):
    """The absolute value of each element."""

    name = "abs"
    is_never_negative = True
    examples: ClassVar[Examples] = (("abs", "[128]", "[128]"), ("abs", "[8, 4, 4]", "[8, 4, 4]"))
