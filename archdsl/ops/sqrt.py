"""`sqrt`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples
from archdsl.ops.families.pointwise import Pointwise


class SquareRoot(Pointwise):
    """The square root of each element. That of a negative number is NaN."""

    name = "sqrt"
    keeps_result = True
    examples: ClassVar[Examples] = (("sqrt", "[128]", "[128]"), ("sqrt", "[8, 4, 4]", "[8, 4, 4]"))
