"""`maximum`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples
from archdsl.ops.families.merge import Choice


class Maximum(Choice):
    """The largest of the values, element by element: maxout, Goodfellow et al. 2013. Of masks it is "or"."""

    name = "maximum"
    examples: ClassVar[Examples] = (("maximum", "[8, 4, 4], [8, 4, 4]", "[8, 4, 4]"),)

    def join(self, left: str, right: str) -> str:
        return f"torch.maximum({left}, {right})"
