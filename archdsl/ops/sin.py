"""`sin`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples
from archdsl.ops.families.elementary import Elementary


class Sine(Elementary):
    """The sine of each element: codes of places, Mildenhall et al. 2020, and layers, Sitzmann et al. 2020."""

    name = "sin"
    steps = 1
    keeps = "operand"
    examples: ClassVar[Examples] = (("sin", "[3]", "[3]"), ("sin", "[256]", "[256]"))

    def template(self) -> str:
        return "torch.sin({0})"
