"""`average`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Derivative, Examples, Extra, Gradient, Incoming, Saved, Types
from archdsl.ops.families.merge import Elementwise


class Average(Elementwise):
    """The mean of the values, element by element: the join of FractalNet, Larsson et al. 2017."""

    name = "average"
    examples: ClassVar[Examples] = (("average", "[8, 4, 4], [8, 4, 4]", "[8, 4, 4]"),)

    def join(self, left: str, right: str) -> str:
        return f"{left} + {right}"

    def template(self, operands: Types) -> str:
        total = super().template(operands)
        return f"({total}) / {len(operands)}" if len(operands) > 1 else total

    def saved(self, operands: Types, results: Types) -> Saved:
        return Saved(numbers=int(len(operands) > 1))

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        """Divided first, then handed on to all."""
        terms = super().backward(operands, results, incoming)
        if len(operands) == 1:
            return terms
        divided = Derivative((Gradient("sum", incoming.type.computed()),))
        return divided, terms[0]._replace(takes=("sum",)), *terms[1:]

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        """The sum, while it is divided."""
        return (Extra.like("sum", results[0]),) if len(operands) > 1 else ()
