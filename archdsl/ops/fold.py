"""`fold`: a map out of its windows."""

from __future__ import annotations

from math import prod
from typing import ClassVar, Self

from archdsl.ir import WHOLE, Axes, Examples, Lowering, Misfit, Reach, TensorType, Types, agree, show_shape
from archdsl.ir.op.attrs import Field, Window
from archdsl.ops.families.columns import Columns
from archdsl.ops.families.windows import output_sizes, per_axis, show_window, spell_out


class Fold(Columns):
    """A map of the sizes `to` out of its windows as columns, where `unfold` had put them: what overlaps adds up."""

    name = "fold"
    positional = 2
    examples: ClassVar[Examples] = (
        ("fold(3x3, pad=1, to=8x8)", "[144, 64]", "[16, 8, 8]"),
        ("fold(4, stride=4, to=32)", "[48, 64]", "[3, 32, 32]"),
    )

    to: Window = Field(description="height and width of the map")

    def map_of(self, x: TensorType) -> TensorType:
        taps = prod(per_axis(self.window, 2, "window"))
        if x.rank != 2 or x.shape[0] % taps:
            raise Misfit(
                f"`fold` reads columns [C * {taps}, windows], not {show_shape(x.shape)}",
                code="wrong-rank" if x.rank != 2 else "shape-mismatch",
                operand=0,
            )
        return x.with_shape((x.shape[0] // taps, *per_axis(self.to, 2, "to")))

    def resolve(self, *operands: TensorType) -> Self:
        return spell_out(self, self.windows(operands[0])).replace(to=per_axis(self.to, 2, "to"))

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        g, y = self.windows(x), self.map_of(x)
        windows = prod(output_sizes(g, y))
        if not agree(windows, x.shape[1]):
            raise Misfit(
                f"a map of {show_window(y.sizes)} has {windows} windows, and there are {x.shape[1]}",
                code="shape-mismatch",
                operand=0,
            )
        return (y,)

    def reads_less(self, *operands: TensorType) -> bool:
        return True

    def reach(self, *operands: TensorType) -> Reach:
        return Axes((WHOLE, WHOLE))

    def pytorch(self, *operands: TensorType) -> Lowering:
        return self.lowered(operands[0], per_axis(self.to, 2, "to"))
