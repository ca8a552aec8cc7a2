"""What `softmax` and `log_softmax` have in common."""

from __future__ import annotations

from typing import ClassVar, Self

from archdsl.ir import Gradient, Lowering, Op, Reach, Saved, TensorType, Types
from archdsl.ir.op.attrs import Axis, Field
from archdsl.ops.families.calls import call_and_function, dim
from archdsl.ops.families.checks import check_float, only_axis
from archdsl.ops.families.derivatives import packed
from archdsl.ops.families.moves import over


class SoftmaxOverAxis(Op):
    """Base of the functions that make one axis a distribution."""

    category = "activation"
    autocast = "float32"
    positional = 1
    reads_unbatched = True
    module: ClassVar[str]

    axis: Axis | None = Field(None, description="the axis that adds up to 1; may be left out on a vector only")

    def resolve(self, *operands: TensorType) -> Self:
        return self.replace(axis=only_axis(self.name, self.axis, operands[0]))

    def infer(self, *operands: TensorType) -> Types:
        check_float(self.name, operands[0])
        only_axis(self.name, self.axis, operands[0])
        return (operands[0].with_shape(operands[0].shape),)

    def reach(self, *operands: TensorType) -> Reach:
        return over(operands[0], only_axis(self.name, self.axis, operands[0]))

    def saved(self, operands: Types, results: Types) -> Saved:
        return Saved(result=True)

    def own_gradients(self, operands: Types) -> tuple[Gradient, ...]:
        return (Gradient("x0", packed(operands[0])),)

    def pytorch(self, *operands: TensorType) -> Lowering:
        over = (("dim", dim(only_axis(self.name, self.axis, operands[0]), operands[0])),)
        return call_and_function(self.module, self.name, (), over)
