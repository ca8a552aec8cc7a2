"""`select`: one row of an axis."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Axes, Examples, Lowering, Misfit, Reach, Rows, TensorType, Types, show_shape
from archdsl.ir.op.attrs import Axis, Extent, Field
from archdsl.ops.families.checks import check_axis
from archdsl.ops.families.indexing import Part, indexed


class Select(Part):
    """The row `index` of an axis, which is gone from the result: the class token of a transformer is `select(0)`."""

    name = "select"
    positional = 2
    examples: ClassVar[Examples] = (("select(0)", "[197, 768]", "[768]"), ("select(-1, axis=1)", "[8, 4, 5]", "[8, 5]"))

    index: Extent = Field(description="which row; negative numbers count from the end")
    axis: Axis = Field(0, description="the axis that is gone")

    def _axis(self, x: TensorType) -> int:
        axis = check_axis(self.name, self.axis, x)
        if not -x.shape[axis] <= self.index < x.shape[axis]:
            raise Misfit(
                f"axis {self.axis} of {show_shape(x.shape)} has no row {self.index}",
                attribute="index",
                help=f"its rows are 0 to {x.shape[axis] - 1}, or -{x.shape[axis]} to -1 from the end",
            )
        return axis

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        axis = self._axis(x)
        shape, strides, gone = list(x.shape), list(x.tensor_strides), axis + x.batched
        del shape[axis], strides[gone]
        return (x.with_strides(tuple(shape), tuple(strides)),)

    def reach(self, *operands: TensorType) -> Reach:
        (x,) = operands
        axis = self._axis(x)
        row = self.index + x.shape[axis] * (self.index < 0)
        rest = (Rows(a - (a > axis)) for a in range(x.rank))
        return Axes(tuple(Rows(0, ((row, row),), 0) if a == axis else r for a, r in enumerate(rest)))

    def pytorch(self, *operands: TensorType) -> Lowering:
        return indexed(operands[0], {self._axis(operands[0]): str(self.index)})

    def summary(self) -> str:
        return f"select {self.index}"
