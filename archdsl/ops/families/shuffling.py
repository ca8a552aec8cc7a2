"""What `pixel_shuffle` and `pixel_unshuffle` have in common."""

from __future__ import annotations

from archdsl.ir import Misfit, Op, Shape, TensorType, Types, show_shape
from archdsl.ir.op.attrs import Field, Size
from archdsl.ops.families.checks import check_float


class PixelShuffling(Op):
    """Base of the operators that trade channels of an image for pixels."""

    category = "reshape"
    positional = 1

    factor: Size = Field(description="pixels along each axis for each pixel of the smaller map")

    def new_shape(self, x: TensorType) -> Shape:
        """The shape of the result. Raises `Misfit`."""
        raise NotImplementedError

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        check_float(self.name, x)
        if x.rank != 3:
            raise Misfit(
                f"`{self.name}` needs an image [C, H, W], not {show_shape(x.shape)}", code="wrong-rank", operand=0
            )
        return (x.mapped(self.new_shape(x)),)

    def gradient_type(self, x: TensorType, y: TensorType, incoming: TensorType) -> TensorType:
        return incoming.mapped(x.shape)

    def summary(self) -> str:
        return f"{self.name} {self.factor}"
