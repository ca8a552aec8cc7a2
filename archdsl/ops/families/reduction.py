"""What `reduce_mean`, `reduce_sum` and `reduce_max` have in common: axes that become one number."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import WHOLE, Expression, Lowering, Op, Reach, Rows, Shape, TensorType, Types
from archdsl.ir import Axes as AxisByAxis
from archdsl.ir.op.attrs import Axes, Field, Flag
from archdsl.ops.families.checks import check_axes, check_float


class Reduction(Op):
    """Base of the operators that make one number of all elements along some axes."""

    category = "pool"
    positional = 1
    numbered = False
    reads_unbatched = True
    method: ClassVar[str]
    """The method of PyTorch's tensors."""

    axes: Axes = Field(description="the axis, or the axes, that are reduced")
    keep: Flag = Field(False, description="whether they stay, with size 1")

    def _axes(self, x: TensorType) -> Shape:
        return check_axes(self.name, self.axes, x)

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        check_float(self.name, x)
        axes = self._axes(x)
        return (
            x.with_shape(tuple(1 if a in axes else n for a, n in enumerate(x.shape) if self.keep or a not in axes)),
        )

    def repeated(self, x: TensorType, gradient: TensorType) -> TensorType:
        """The result's gradient seen in the shape of the operand: one number for all elements along the axes."""
        axes, own = self._axes(x), iter(gradient.tensor_strides)
        strides = [next(own)] if x.batched else []
        for axis in range(x.rank):
            stride = 0 if axis in axes and not self.keep else next(own)
            strides.append(0 if axis in axes else stride)
        return x.with_strides(x.shape, tuple(strides))

    def reach(self, *operands: TensorType) -> Reach:
        (x,) = operands
        axes = self._axes(x)
        gone = () if self.keep else axes
        return AxisByAxis(tuple(WHOLE if a in axes else Rows(a - sum(g < a for g in gone)) for a in range(x.rank)))

    def pytorch(self, *operands: TensorType) -> Lowering:
        (x,) = operands
        dims = tuple(a + x.batched for a in self._axes(x))
        keep = ", keepdim=True" if self.keep else ""
        return Lowering(function=Expression(f"{{0}}.{self.method}({dims[0] if len(dims) == 1 else dims}{keep})"))

    def summary(self) -> str:
        return f"{self.name} {' '.join(map(str, self.axes)) if isinstance(self.axes, tuple) else self.axes}"
