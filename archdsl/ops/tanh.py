"""`tanh`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import (
    Call,
    Derivative,
    Examples,
    Expression,
    Extra,
    Gradient,
    Helper,
    Incoming,
    Lowering,
    Saved,
    TensorType,
    Types,
)
from archdsl.ir.op.attrs import Field, Number
from archdsl.ops.families.activation import Activation
from archdsl.ops.families.calls import keywords


class Tanh(Activation):
    """gain * tanh(slope * x). LeCun et al. 1998 take 1.7159 and 2/3, which gives 1 at 1."""

    name = "tanh"
    module = "Tanh"
    function = "torch.tanh"
    keeps_result = True
    examples: ClassVar[Examples] = (
        ("tanh", "[6, 28, 28]", "[6, 28, 28]"),
        ("tanh(gain=1.7159, slope=2/3)", "[6, 28, 28]", "[6, 28, 28]"),
    )

    gain: Number = Field(1, description="factor of the result")
    slope: Number = Field(1, description="factor of the input")

    @property
    def _is_plain(self) -> bool:
        return self.gain == self.slope == 1

    def _before_gain(self, x: TensorType) -> tuple[Extra, ...]:
        return () if self._is_plain else (Extra.like("tanh before the gain", x),)

    @property
    def is_composed(self) -> bool:
        return not self._is_plain

    def saved(self, operands: Types, results: Types) -> Saved:
        return Saved(result=self._is_plain, extra=self._before_gain(operands[0]), numbers=0 if self._is_plain else 2)

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        if self._is_plain:
            return super().backward(operands, results, incoming)
        like = incoming.type.computed(operands[0])
        return (
            Derivative((Gradient("tanh", like),)),
            Derivative((Gradient("scaled", like),), takes=("tanh",), frees=("tanh before the gain",)),
            Derivative((Gradient("x0", like),), takes=("scaled",), frees=("number 0",)),
        )

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        return self._before_gain(operands[0])

    def pytorch(self, *operands: TensorType) -> Lowering:
        if self._is_plain:
            return super().pytorch(*operands)
        return Lowering(
            Call("ScaledTanh", (), keywords(gain=(self.gain, 1), slope=(self.slope, 1))),
            Expression(f"{float(self.gain)} * torch.tanh({float(self.slope)} * {{0}})", ("torch",)),
            _SCALED_TANH,
        )


_SCALED_TANH = Helper(
    "ScaledTanh",
    '''
class ScaledTanh(nn.Module):
    """gain * tanh(slope * x) (LeCun et al. 1998)."""

    def __init__(self, gain: float = 1.0, slope: float = 1.0) -> None:
        super().__init__()
        self.gain = gain
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        return self.gain * torch.tanh(self.slope * x)
''',
    ("Tensor", "torch", "nn"),
)
