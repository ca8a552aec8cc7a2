"""`tile`: an axis repeated."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Axes, Examples, Expression, Gradient, Lowering, Op, Reach, Rows, TensorType, Types
from archdsl.ir.op.attrs import Axis, Field, Size
from archdsl.ops.families.checks import check_axis


class Tile(Op):
    """The axis several times, one copy behind the other: V-Net repeats its one input map for the first sum."""

    name = "tile"
    category = "reshape"
    positional = 2
    numbered = False
    reads_unbatched = True
    examples: ClassVar[Examples] = (
        ("tile(16)", "[1, 64, 128, 128]", "[16, 64, 128, 128]"),
        ("tile(2, axis=-1)", "[3, 4]", "[3, 8]"),
    )

    times: Size = Field(description="how often")
    axis: Axis = Field(0, description="the axis that is repeated")

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        axis = check_axis(self.name, self.axis, x)
        return (x.with_shape((*x.shape[:axis], x.shape[axis] * self.times, *x.shape[axis + 1 :])),)

    def reach(self, *operands: TensorType) -> Reach:
        (x,) = operands
        axis = check_axis(self.name, self.axis, x)
        return Axes(tuple(Rows(a, ()) if a == axis else Rows(a) for a in range(x.rank)))

    def own_gradients(self, operands: Types) -> tuple[Gradient, ...]:
        """Of what is there once that which comes in (`repeat_backward` in `FunctionsManual.cpp`)."""
        found = super().own_gradients(operands)
        return tuple(g._replace(how="same") for g in found) if self.times == 1 else found

    def gradient_type(self, x: TensorType, y: TensorType, incoming: TensorType) -> TensorType:
        return x.with_shape(x.shape)

    def pytorch(self, *operands: TensorType) -> Lowering:
        (x,) = operands
        axis = check_axis(self.name, self.axis, x) + x.batched
        times = (self.times if a == axis else 1 for a in range(x.rank + x.batched))
        return Lowering(function=Expression(f"{{0}}.repeat({', '.join(map(str, times))})"))

    def summary(self) -> str:
        return f"tile {self.times}"
