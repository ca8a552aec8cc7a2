"""`glu`: one half gates the other."""

from __future__ import annotations

from typing import ClassVar, Self

from archdsl.ir import Axes, Examples, Lowering, Misfit, Op, Reach, Rows, Saved, TensorType, Types
from archdsl.ir.op.attrs import Axis, Field
from archdsl.ops.families.calls import call_and_function, dim
from archdsl.ops.families.checks import check_float, only_axis
from archdsl.source import counted


class Glu(Op):
    """The first half of an axis times the sigmoid of the second: the gated linear unit of Dauphin et al. 2017.

    On a vector the axis may be left out.
    """

    name = "glu"
    category = "activation"
    positional = 1
    reads_unbatched = True
    examples: ClassVar[Examples] = (
        ("glu(0)", "[64, 100]", "[32, 100]"),
        ("glu(-1)", "[100, 64]", "[100, 32]"),
        ("glu", "[64]", "[32]"),
    )

    axis: Axis | None = Field(None, description="the axis that is halved; may be left out on a vector only")

    def resolve(self, *operands: TensorType) -> Self:
        return self.replace(axis=only_axis(self.name, self.axis, operands[0]))

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        check_float(self.name, x)
        axis = only_axis(self.name, self.axis, x)
        if x.shape[axis] % 2:
            raise Misfit(
                f"`glu` halves axis {axis}, which has {counted(x.shape[axis], 'row')}",
                code="shape-mismatch",
                attribute="axis",
            )
        shape = (*x.shape[:axis], x.shape[axis] // 2, *x.shape[axis + 1 :])
        return (x.with_strides(shape, x.tensor_strides).computed(),)

    def reach(self, *operands: TensorType) -> Reach:
        (x,) = operands
        axis = only_axis(self.name, self.axis, x)
        return Axes(tuple(Rows(a, ((0, x.shape[a] // 2),)) if a == axis else Rows(a) for a in range(x.rank)))

    def saved(self, operands: Types, results: Types) -> Saved:
        return Saved(operands=(0,))

    def gradient_type(self, x: TensorType, y: TensorType, incoming: TensorType) -> TensorType:
        return x.with_shape(x.shape)

    def pytorch(self, *operands: TensorType) -> Lowering:
        return call_and_function("GLU", "glu", (dim(only_axis(self.name, self.axis, operands[0]), operands[0]),))
