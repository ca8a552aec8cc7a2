"""`softsign`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples, Extra, Saved, Types
from archdsl.ops.families.activation import Activation


class Softsign(Activation):
    """x / (1 + |x|): Bergstra et al. 2009."""

    name = "softsign"
    module = "Softsign"
    function = "F.softsign"
    examples: ClassVar[Examples] = (("softsign", "[128]", "[128]"),)

    def saved(self, operands: Types, results: Types) -> Saved:
        return Saved(operands=(0,), extra=self.scratch(operands, results))

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        return (Extra.like("1 + |x|", operands[0]),)
