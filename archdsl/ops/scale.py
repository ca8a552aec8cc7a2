"""`scale`: a value times a number."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples, Saved, Types
from archdsl.ir.op.attrs import Field, Number
from archdsl.ops.families.elementary import Elementary


class Scale(Elementary):
    """Times a number: `scale(-1)` is the negative. Scores of attention are scaled by `64 ^ -0.5`, Vaswani et al. 2017.

    The number is the same for all elements and is not learned; a learned one is `multiply` with a `parameter`.
    """

    name = "scale"
    positional = 1
    keeps = "nothing"
    examples: ClassVar[Examples] = (
        ("scale(0.125)", "[12, 197, 197]", "[12, 197, 197]"),
        ("scale(-1)", "[8, 4, 4]", "[8, 4, 4]"),
    )

    by: Number = Field(description="the factor")

    def saved(self, operands: Types, results: Types) -> Saved:
        return Saved(numbers=1)

    def template(self) -> str:
        return f"{{0}} * {self.by!r}"

    def summary(self) -> str:
        return f"scale {self.by:g}"
