"""`concat`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples, Lowering, TensorType, Types
from archdsl.ir.attrs import Axis, Field
from archdsl.ops.families.calls import dim, function
from archdsl.ops.families.checks import check_axis
from archdsl.ops.families.merge import Merge, check_axes, check_one_dtype, check_same_rank


class Concat(Merge):
    """The values one behind the other along an axis, by default their channels. All other axes agree."""

    name = "concat"
    examples: ClassVar[Examples] = (
        ("concat", "[64, 28, 28], [128, 28, 28], [32, 28, 28]", "[224, 28, 28]"),
        ("concat(axis=-1)", "[8, 5], [8, 3]", "[8, 8]"),
    )

    axis: Axis = Field(0, description="the axis along which the values are put")

    def infer(self, *operands: TensorType) -> Types:
        check_one_dtype(self.name, operands)
        first = operands[0].shape
        axis = check_axis(self.name, self.axis, operands[0])
        for index, x in enumerate(operands):
            check_same_rank(self.name, first, x.shape, index)
            sizes = enumerate(zip(first, x.shape, strict=True))
            check_axes(self.name, first, x.shape, index, (a for a, (m, n) in sizes if m != n and a != axis))
        total = sum(x.shape[axis] for x in operands)
        return (operands[0].with_shape((*first[:axis], total, *first[axis + 1 :])),)

    def pytorch(self, *operands: TensorType) -> Lowering:
        return Lowering(function=function("torch.cat", (), (("dim", dim(self.axis)),), operand="[{*}]"))
