"""What `softmax` and `log_softmax` have in common."""

from __future__ import annotations

from typing import ClassVar, Self

from archdsl.ir import Gradient, Lowering, Misfit, Op, Reach, Saved, TensorType, Types, show_shape
from archdsl.ir.attrs import Axis, Field
from archdsl.ops.families.calls import call_and_function, dim
from archdsl.ops.families.checks import check_axis, check_float
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

    def _axis(self, x: TensorType) -> int:
        if self.axis is not None:
            return check_axis(self.name, self.axis, x)
        if x.rank == 1:
            return 0
        raise Misfit(
            f"`{self.name}` on {show_shape(x.shape)} needs an `axis`",
            operand=0,
            label=f"{x.rank} axes to choose from",
            help=f"`{self.name}(axis=0)` is over channels, `{self.name}(axis=-1)` over the last axis",
        )

    def resolve(self, *operands: TensorType) -> Self:
        return self.replace(axis=self._axis(operands[0]))

    def infer(self, *operands: TensorType) -> Types:
        check_float(self.name, operands[0])
        self._axis(operands[0])
        return (operands[0].with_shape(operands[0].shape),)

    def reach(self, *operands: TensorType) -> Reach:
        return over(operands[0], self._axis(operands[0]))

    def saved(self, operands: Types, results: Types) -> Saved:
        return Saved(result=True)

    def own_gradients(self, operands: Types) -> tuple[Gradient, ...]:
        return (Gradient("x0", packed(operands[0])),)

    def pytorch(self, *operands: TensorType) -> Lowering:
        over = (("dim", dim(self._axis(operands[0]), operands[0])),)
        return call_and_function(self.module, self.name, (), over)
