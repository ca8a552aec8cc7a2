"""`clamp`: values brought between two bounds."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples, Misfit, TensorType, Types
from archdsl.ir.op.attrs import Field, Number
from archdsl.ops.families.elementary import Elementary


class Clamp(Elementary):
    """Elements below `min` become `min`, those above `max` become `max`. One of the two may be left out."""

    name = "clamp"
    positional = 2
    scalars = ("min", "max")
    keeps = "operand"
    examples: ClassVar[Examples] = (
        ("clamp(0, 1)", "[3, 8, 8]", "[3, 8, 8]"),
        ("clamp(max=4.6)", "[12, 1, 1]", "[12, 1, 1]"),
    )

    min: Number | None = Field(None, description="the lower bound; none unless given")
    max: Number | None = Field(None, description="the upper bound; none unless given")

    def infer(self, *operands: TensorType) -> Types:
        if self.min is None and self.max is None:
            raise Misfit("`clamp` needs a bound", attribute="min", help="`clamp(0, 1)`, `clamp(min=0)`, `clamp(max=1)`")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise Misfit("`clamp` has its bounds the wrong way round", attribute="min", label=f"more than {self.max:g}")
        return super().infer(*operands)

    def on_the_way(self, y: TensorType) -> Types:
        """A mask for each bound, and a zero."""
        bounds = sum(bound is not None for bound in (self.min, self.max))
        return (TensorType((), y.dtype, batched=False), *(y._replace(dtype="bool"),) * bounds)

    def made(self, incoming: TensorType, *read: TensorType) -> TensorType:
        """The mask is read before what comes in."""
        (x,) = read
        return x.computed(incoming)

    def template(self) -> str:
        bounds = (f", {name}={value!r}" for name, value in (("min", self.min), ("max", self.max)) if value is not None)
        return f"torch.clamp({{0}}{''.join(bounds)})"

    def summary(self) -> str:
        return f"clamp {'' if self.min is None else f'{self.min:g}'}:{'' if self.max is None else f'{self.max:g}'}"
