"""`parameter`: a learned tensor."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Call, Examples, Helper, Lowering, Misfit, Op, State, TensorType, Types, show_shape
from archdsl.ir.op.attrs import Field, Initial, Positive, TensorShape

NORMAL = Helper(
    "normal",
    '''
def normal(std: float, *sizes: int) -> Tensor:
    """Numbers that are normally distributed around 0, as a parameter starts from."""
    return torch.empty(sizes).normal_(0.0, std)
''',
    ("Tensor", "torch"),
)


class Parameter(Op):
    """A tensor that is learned, not computed: a class token, position embeddings, the scale of a layer.

    It starts a chain or an arm, and its label is its name in the `state_dict`: `class_token: parameter([1, 1, 768])`.
    It has no batch axis. Where it meets batched values its shape is read against [N, ...] from the right, a leading 1
    standing for the batch; `concat` and `stack` repeat it over the batch first, so they need that leading 1.
    Tables and queries that would never differ if they started alike are drawn at random: `std=0.02`.
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
        ("parameter([50257, 768], std=0.02)", "", "unbatched [50257, 768]"),
    )

    shape: TensorShape = Field(description="the sizes as in the `state_dict`")
    init: Initial = Field("zeros", description="the value that all elements start from: zeros, ones or a number")
    std: Positive | None = Field(
        None, description="they start around 0 at random, normally distributed with this deviation"
    )

    def infer(self, *operands: TensorType) -> Types:
        if self.std is not None and self.init != "zeros":
            raise Misfit("a parameter starts at random or from a value", attribute="std", help="leave out `init`")
        return (TensorType(self.shape, batched=False),)

    def state(self, *operands: TensorType) -> tuple[State, ...]:
        return (State("", self.shape),)

    def pytorch(self, *operands: TensorType) -> Lowering:
        if self.std is not None:
            return Lowering(parameter=Call("normal", (self.std, *self.shape)), helper=NORMAL)
        if isinstance(self.init, str):
            return Lowering(parameter=Call(f"torch.{self.init}", self.shape))
        return Lowering(parameter=Call("torch.full", (self.shape, self.init)))

    def summary(self) -> str:
        return f"parameter {show_shape(self.shape)}"
