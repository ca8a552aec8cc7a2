"""`minimum`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples
from archdsl.ops.families.merge import Choice


class Minimum(Choice):
    """The smallest of the values, element by element. Of masks it is "and"."""

    name = "minimum"
    examples: ClassVar[Examples] = (("minimum", "[8, 4, 4], [8, 4, 4]", "[8, 4, 4]"),)

    def join(self, left: str, right: str) -> str:
        return f"torch.minimum({left}, {right})"
