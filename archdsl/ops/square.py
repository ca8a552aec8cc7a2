"""`square`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples
from archdsl.ops.families.pointwise import Pointwise


class Square(Pointwise):
    """Each element times itself."""

    name = "square"
    autocast = "float32"
    steps = 2
    is_never_negative = True
    examples: ClassVar[Examples] = (("square", "[128]", "[128]"), ("square", "[8, 4, 4]", "[8, 4, 4]"))
