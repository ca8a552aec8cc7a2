"""`embedding`: a table of vectors, looked up by number."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Axes, Call, Examples, Lowering, Misfit, Op, Reach, Rows, Saved, State, TensorType, Types
from archdsl.ir.op.attrs import Field, Size


class Embedding(Op):
    """A vector for each number: a row of a learned table. The input holds integers: `input tokens: int64 [T]`."""

    name = "embedding"
    category = "linear"
    positional = 2
    reads_unbatched = True
    examples: ClassVar[Examples] = (
        ("embedding(30522, 768)", "int64 [128]", "[128, 768]"),
        ("embedding(10, 16)", "int64 []", "[16]"),
    )

    vocabulary: Size = Field(description="how many numbers there are: 0 to vocabulary - 1")
    features: Size = Field(description="length of the vectors")

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        if x.dtype not in ("int64", "int32"):
            raise Misfit(
                f"`embedding` looks up integers, not {x.dtype}",
                code="wrong-dtype",
                operand=0,
                label=f"{x.dtype} values",
                help="declare the input as `input tokens: int64 [T]`",
            )
        return (TensorType((*x.shape, self.features), batched=x.batched),)

    def state(self, *operands: TensorType) -> tuple[State, ...]:
        return (State("weight", (self.vocabulary, self.features)),)

    def connections(self, operands: Types, results: Types) -> int:
        return results[0].numel

    def reach(self, *operands: TensorType) -> Reach:
        return Axes(tuple(Rows(a) for a in range(operands[0].rank)))

    def saved(self, operands: Types, results: Types) -> Saved:
        return Saved(operands=(0,))

    def pytorch(self, *operands: TensorType) -> Lowering:
        return Lowering(Call("nn.Embedding", (self.vocabulary, self.features)))

    def summary(self) -> str:
        return f"embedding {self.vocabulary}, {self.features}"
