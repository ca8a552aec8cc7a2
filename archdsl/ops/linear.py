"""`linear`: a dense layer over the last axis."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import WHOLE, Call, Examples, Lowering, Misfit, Op, Reach, Saved, Shape, State, TensorType, Types
from archdsl.ir.attrs import Field, Flag, Size
from archdsl.ops.families.calls import keywords
from archdsl.ops.families.checks import check_weights_fit


class Linear(Op):
    """Dense layer: every output feature reads every feature of the last axis.

    A map has to be flattened first; `linear` on `[C, H, W]` reads the last axis only, and a lint says so.
    """

    name = "linear"
    category = "linear"
    positional = 1
    is_weight_layer = True
    examples: ClassVar[Examples] = (
        ("linear(10)", "[84]", "[10]"),
        ("linear(768, bias=false)", "[197, 192]", "[197, 768]"),
    )

    features: Size = Field(description="output features")
    bias: Flag = Field(True, description="whether each output feature has a bias")

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        check_weights_fit(self.name, x)
        if not x.rank:
            raise Misfit("`linear` needs at least one axis", code="wrong-rank", operand=0)
        return (x.with_shape((*x.shape[:-1], self.features)),)

    def state(self, *operands: TensorType) -> tuple[State, ...]:
        weight = State("weight", (self.features, operands[0].shape[-1]))
        return (weight, State("bias", (self.features,))) if self.bias else (weight,)

    def macs(self, operands: Types, results: Types) -> int:
        return results[0].numel * operands[0].shape[-1]

    def connections(self, operands: Types, results: Types) -> int:
        return self.macs(operands, results) + self.bias * results[0].numel

    def fan_in(self, *operands: TensorType) -> Shape:
        return (operands[0].shape[-1],)

    def reach(self, *operands: TensorType) -> Reach:
        return WHOLE

    def saved(self, operands: Types, results: Types) -> Saved:
        return Saved(operands=(0,))

    def pytorch(self, *operands: TensorType) -> Lowering:
        return Lowering(Call("nn.Linear", (operands[0].shape[-1], self.features), keywords(bias=(self.bias, True))))

    def summary(self) -> str:
        return f"linear {self.features}"
