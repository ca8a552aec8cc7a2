"""`flip`: rows of an axis backwards."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Axes as AxisByAxis
from archdsl.ir import Examples, Lowering, Op, Reach, Rows, TensorType, Types
from archdsl.ir.op.attrs import Axes, Field
from archdsl.ops.families.calls import function
from archdsl.ops.families.checks import check_axes


class Flip(Op):
    """The rows of an axis, or of several, in reverse order: a sequence from its end is `flip(0)`."""

    name = "flip"
    category = "reshape"
    positional = 1
    numbered = False
    reads_unbatched = True
    examples: ClassVar[Examples] = (("flip(0)", "[100, 64]", "[100, 64]"), ("flip([1, 2])", "[3, 8, 8]", "[3, 8, 8]"))

    axes: Axes = Field(description="the axis, or the axes, whose rows are reversed")

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        check_axes(self.name, self.axes, x)
        return (x.computed(),)

    def reach(self, *operands: TensorType) -> Reach:
        (x,) = operands
        flipped = check_axes(self.name, self.axes, x)
        return AxisByAxis(tuple(Rows(a, ()) if a in flipped else Rows(a) for a in range(x.rank)))

    def gradient_type(self, x: TensorType, y: TensorType, incoming: TensorType) -> TensorType:
        return incoming.computed()

    def pytorch(self, *operands: TensorType) -> Lowering:
        (x,) = operands
        dims = tuple(a + x.batched for a in check_axes(self.name, self.axes, x))
        return Lowering(function=function("torch.flip", (dims,)))

    def summary(self) -> str:
        return f"flip {' '.join(map(str, self.axes)) if isinstance(self.axes, tuple) else self.axes}"
