"""`unfold`: the windows of a map, side by side."""

from __future__ import annotations

from math import prod
from typing import ClassVar, Self

from archdsl.ir import Axes, Examples, Lowering, Misfit, Reach, Rows, TensorType, Types, show_shape
from archdsl.ops.families.columns import Columns
from archdsl.ops.families.windows import output_sizes, spell_out


class Unfold(Columns):
    """The windows of a map `[C, H, W]` as columns, `[C * prod(window), windows]`: what im2col makes for a convolution.

    A column holds the window of the first channel row by row, then that of the next one. Products of columns with weights that
    the network makes itself are convolutions that differ from place to place: involution, Li et al. 2021.
    """

    name = "unfold"
    positional = 2
    examples: ClassVar[Examples] = (
        ("unfold(3x3, pad=1)", "[16, 8, 8]", "[144, 64]"),
        ("unfold(4, stride=4)", "[3, 32, 32]", "[48, 64]"),
    )

    def map_of(self, x: TensorType) -> TensorType:
        if x.rank != 3:
            raise Misfit(
                f"`unfold` reads maps [C, H, W], not {show_shape(x.shape)}",
                code="wrong-rank",
                operand=0,
                help=f"a signal is a map of one row: `reshape([{x.channels}, 1, {x.shape[1]}])`"
                if x.rank == 2
                else None,
            )
        return x

    def resolve(self, *operands: TensorType) -> Self:
        return spell_out(self, self.windows(operands[0]))

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        g = self.windows(x)
        return (x.with_shape((x.channels * prod(g.window), prod(output_sizes(g, x)))),)

    def reach(self, *operands: TensorType) -> Reach:
        return Axes((Rows(0, ()), None, None))

    def pytorch(self, *operands: TensorType) -> Lowering:
        return self.lowered(operands[0])
