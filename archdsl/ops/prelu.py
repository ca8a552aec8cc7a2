"""`prelu`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import (
    Call,
    Derivative,
    Examples,
    Incoming,
    Lowering,
    Misfit,
    Op,
    Saved,
    State,
    TensorType,
    Types,
    together,
)
from archdsl.ir.op.attrs import Field, Flag
from archdsl.ops.families.checks import check_weights_fit


class Prelu(Op):
    """x above 0, weight * x below, with a learned weight that starts at 0.25: He et al. 2015."""

    name = "prelu"
    category = "activation"
    autocast = "lower"
    keeps_weights = True
    examples: ClassVar[Examples] = (
        ("prelu", "[64, 56, 56]", "[64, 56, 56]"),
        ("prelu(per_channel=true)", "[64, 56, 56]", "[64, 56, 56]"),
    )

    per_channel: Flag = Field(False, description="whether each channel has a weight of its own")

    def _weights(self, x: TensorType) -> int:
        return x.channels if self.per_channel else 1

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        check_weights_fit(self.name, x)
        if self.per_channel and not x.rank:
            raise Misfit("`prelu` finds no channels in a single number", code="wrong-rank", operand=0)
        return (x.computed(),)

    def state(self, *operands: TensorType) -> tuple[State, ...]:
        return (State("weight", (self._weights(operands[0]),)),)

    def saved(self, operands: Types, results: Types) -> Saved:
        return Saved(operands=(0,))

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        (x,), (weight,) = operands, self.parameter_gradients(operands)
        is_summed = x.rank > 1 or not incoming.is_single or weight.type.shape != x.shape
        gives = (*self.own_gradients(operands), weight._replace(whole=x if is_summed else None))
        return (Derivative(together(gives)),)

    def pytorch(self, *operands: TensorType) -> Lowering:
        weights = self._weights(operands[0])
        return Lowering(Call("nn.PReLU", (weights,) if weights != 1 else ()))
