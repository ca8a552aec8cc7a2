"""`parameter`: a learned tensor."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Call, Examples, Lowering, Op, State, TensorType, Types, show_shape
from archdsl.ir.attrs import Field, Initial, TensorShape


class Parameter(Op):
    """A tensor that is learned, not computed: a class token, position embeddings, the scale of a layer.

    It starts a chain or an arm, and its label is its name in the `state_dict`: `class_token: parameter([1, 1, 768])`.
    It has no batch axis. Where it meets batched values its shape is read against [N, ...] from the right, a leading 1
    standing for the batch; `concat` and `stack` repeat it over the batch first, so they need that leading 1.
    """

    name = "parameter"
    category = "parameter"
    positional = 1
    operands = 0
    is_source = True
    needs_label = True
    numbered = False
    examples: ClassVar[Examples] = (
        ("parameter([1, 1, 768])", "", "unbatched [1, 1, 768]"),
        ("parameter([128, 1, 1], init=1e-6)", "", "unbatched [128, 1, 1]"),
    )

    shape: TensorShape = Field(description="the sizes as in the `state_dict`")
    init: Initial = Field("zeros", description="the value that all elements start from: zeros, ones or a number")

    def infer(self, *operands: TensorType) -> Types:
        return (TensorType(self.shape, batched=False),)

    def state(self, *operands: TensorType) -> tuple[State, ...]:
        return (State("", self.shape),)

    def pytorch(self, *operands: TensorType) -> Lowering:
        if isinstance(self.init, str):
            return Lowering(parameter=Call(f"torch.{self.init}", self.shape))
        return Lowering(parameter=Call("torch.full", (self.shape, self.init)))

    def summary(self) -> str:
        return f"parameter {show_shape(self.shape)}"
