"""`flatten`: several axes become one."""

from __future__ import annotations

from math import prod
from typing import ClassVar

from archdsl.ir import Call, Examples, Lowering, Misfit, Shape, TensorType
from archdsl.ir.op.attrs import Axis, Field
from archdsl.ops.families.calls import dim, function
from archdsl.ops.families.checks import check_axis
from archdsl.ops.families.reshaping import Reshaping


class Flatten(Reshaping):
    """The axes `start` to `stop` become one, the last of them running fastest. The batch axis is never among them."""

    name = "flatten"
    positional = 2
    examples: ClassVar[Examples] = (
        ("flatten", "[512, 7, 7]", "[25088]"),
        ("flatten(1)", "[768, 14, 14]", "[768, 196]"),
        ("flatten(stop=1)", "[8, 4, 5]", "[32, 5]"),
    )

    start: Axis = Field(0, description="first axis")
    stop: Axis = Field(-1, description="last axis")

    def new_shape(self, x: TensorType) -> Shape:
        if not x.rank:
            raise Misfit("`flatten` needs at least one axis", code="wrong-rank", operand=0)
        start, stop = (
            check_axis(self.name, axis, x, name) for axis, name in ((self.start, "start"), (self.stop, "stop"))
        )
        if start > stop:
            raise Misfit(
                f"`flatten` from axis {start} to axis {stop} runs backwards",
                attribute="start" if self.start else "stop",
                label="`start` comes before `stop`",
            )
        return (*x.shape[:start], prod(x.shape[start : stop + 1]), *x.shape[stop + 1 :])

    def pytorch(self, *operands: TensorType) -> Lowering:
        (x,) = operands
        start, stop = dim(self.start, x), dim(self.stop, x)
        expression = function("torch.flatten", (start,) if stop == -1 else (start, stop))
        if stop != -1:
            return Lowering(Call("nn.Flatten", (start, stop)), expression)
        return Lowering(Call("nn.Flatten", () if start == 1 else (start,)), expression)
