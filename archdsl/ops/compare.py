"""`compare`: which elements are larger, smaller or alike."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Derivative, Examples, Expression, Incoming, Lowering, Misfit, TensorType, Types
from archdsl.ir.op.attrs import Field, Number, Relation
from archdsl.ops.families.merge import Elementwise, check_one_dtype


class Compare(Elementwise):
    """Whether the first value is larger than the second, or as `relation` says, element by element: booleans.

    With a number there is one value: `compare(">", 0.5)`. Booleans have no gradient. `masked_fill`, `sdpa` and `choose` read
    them; `minimum` of two is "and", `maximum` is "or", `compare("==", 0)` is "not".
    """

    name = "compare"
    positional = 2
    is_itself_of_one = False
    examples: ClassVar[Examples] = (
        ('compare(">=")', "[16, 8], [16, 1]", "bool [16, 8]"),
        ('compare("!=", 0)', "int64 [32]", "bool [32]"),
    )

    relation: Relation = Field(description="how the first value compares with the second, in quotes")
    number: Number | None = Field(None, description="what a single value is compared with")

    def infer(self, *operands: TensorType) -> Types:
        if len(operands) + (self.number is not None) != 2:
            raise Misfit(
                f"`compare` takes two values, or one and a number, not {len(operands)}",
                code="shape-mismatch",
                operand=len(operands) - 1,
            )
        check_one_dtype(self.name, operands)
        return (self._steps(operands)[-1].computed()._replace(dtype="bool"),)

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        return ()

    def scratch(self, operands: Types, results: Types) -> tuple[()]:
        return ()

    def pytorch(self, *operands: TensorType) -> Lowering:
        other = "{1}" if self.number is None else f"{int(self.number) if self.number.is_integer() else self.number!r}"
        return Lowering(function=Expression(f"{{0}} {self.relation} {other}"))

    def summary(self) -> str:
        return f"compare {self.relation}{'' if self.number is None else f' {self.number:g}'}"
