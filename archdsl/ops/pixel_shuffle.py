"""`pixel_shuffle`: channels become pixels."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Axes, Examples, Lowering, Misfit, Reach, Rows, Shape, TensorType
from archdsl.ops.families.calls import call_and_function
from archdsl.ops.families.shuffling import PixelShuffling


class PixelShuffle(PixelShuffling):
    """Makes factor * factor pixels of as many channels: up-sampling by sub-pixel convolution, Shi et al. 2016."""

    name = "pixel_shuffle"
    examples: ClassVar[Examples] = (("pixel_shuffle(2)", "[256, 32, 32]", "[64, 64, 64]"),)

    def new_shape(self, x: TensorType) -> Shape:
        channels, rest = divmod(x.channels, self.factor**2)
        if rest:
            raise Misfit(
                f"`pixel_shuffle` makes a pixel of {self.factor**2} channels each, and there are {x.channels}",
                code="shape-mismatch",
                attribute="factor",
                label=f"{x.channels} = {channels} * {self.factor**2} + {rest}"
                if channels
                else f"{x.channels} < {self.factor**2}",
            )
        return (channels, *(n * self.factor for n in x.sizes))

    def reach(self, *operands: TensorType) -> Reach:
        return Axes((Rows(0, ()), *(Rows(a, ((0, 0),) * self.factor, 1) for a in (1, 2))))

    def pytorch(self, *operands: TensorType) -> Lowering:
        return call_and_function("PixelShuffle", "pixel_shuffle", (self.factor,))
