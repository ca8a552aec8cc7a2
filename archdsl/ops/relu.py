"""`relu`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir.lowering import Call, Expression, Lowering
from archdsl.ir.op import Examples, Op, Saved, Types
from archdsl.ir.types import TensorType


class Relu(Op):
    """max(x, 0), element by element. It runs in place wherever the graph proves that nothing else needs its input."""

    name = "relu"
    category = "activation"
    examples: ClassVar[Examples] = (("relu", "[64, 56, 56]", "[64, 56, 56]"),)

    def saved(self, operands: Types, results: Types) -> Saved:
        return Saved(result=True)

    def saved_in_place(self, operands: Types, results: Types) -> Saved | None:
        return Saved(result=True)

    def pytorch(self, *operands: TensorType) -> Lowering:
        return Lowering(Call("nn.ReLU", inplace=True), Expression("F.relu({0}{inplace})", ("F",)))
