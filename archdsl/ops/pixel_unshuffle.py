"""`pixel_unshuffle`: pixels become channels."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Axes, Examples, Lowering, Misfit, Reach, Rows, Shape, TensorType, show_shape
from archdsl.ops.families.calls import call_and_function
from archdsl.ops.families.shuffling import PixelShuffling


class PixelUnshuffle(PixelShuffling):
    """Makes as many channels of factor * factor pixels: the inverse of `pixel_shuffle`, also called space to depth."""

    name = "pixel_unshuffle"
    examples: ClassVar[Examples] = (("pixel_unshuffle(2)", "[64, 64, 64]", "[256, 32, 32]"),)

    def new_shape(self, x: TensorType) -> Shape:
        if any(n % self.factor for n in x.sizes):
            raise Misfit(
                f"`pixel_unshuffle` needs sizes that {self.factor} divides, not those of {show_shape(x.shape)}",
                code="shape-mismatch",
                attribute="factor",
            )
        return (x.channels * self.factor**2, *(n // self.factor for n in x.sizes))

    def reach(self, *operands: TensorType) -> Reach:
        return Axes((Rows(0, ()), *(Rows(a, ((0, self.factor - 1),), self.factor) for a in (1, 2))))

    def pytorch(self, *operands: TensorType) -> Lowering:
        return call_and_function("PixelUnshuffle", "pixel_unshuffle", (self.factor,))
