"""What `adaptive_avgpool` and `adaptive_maxpool` have in common."""

from __future__ import annotations

from math import gcd
from typing import ClassVar, Literal, Self

from archdsl.ir import WHOLE, Axes, Lowering, Reach, Rows, Shape, Step, TensorType, Types
from archdsl.ir.op.attrs import Field, Sizes
from archdsl.ops.families.calls import call_and_function, compact
from archdsl.ops.families.checks import check_float
from archdsl.ops.families.pool import MapPool
from archdsl.ops.families.windows import LARGEST_PERIOD, per_axis, show_window, spatial_rank


class AdaptivePool(MapPool):
    """Base of the pools to a given size."""

    positional = 1
    kind: ClassVar[str]
    """`Avg` or `Max`, in PyTorch's names."""

    out: Sizes = Field(description="size of the result, for all axes or one for each")

    def sizes(self, x: TensorType) -> Shape:
        """The spatial sizes of the result. Raises `Misfit`."""
        return per_axis(self.out, spatial_rank(self.name, x), "out")

    def resolve(self, *operands: TensorType) -> Self:
        return self.replace(out=self.sizes(operands[0]))

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        check_float(self.name, x)
        return (x.mapped((x.channels, *self.sizes(x)), keeping=self.keeps_channels_last(x)),)

    def reach(self, *operands: TensorType) -> Reach:
        (x,) = operands
        out = self.sizes(x)
        if out == x.sizes:
            return "pointwise"
        if is_global(out):
            return WHOLE
        if any(n % o for n, o in zip(x.sizes, out, strict=True)):
            return Axes(
                (Rows(0), *(_windows(axis, n, o) for axis, (n, o) in enumerate(zip(x.sizes, out, strict=True), 1)))
            )
        return tuple(Step(n // o, n // o) for n, o in zip(x.sizes, out, strict=True))

    def reads_less(self, *operands: TensorType) -> bool:
        return any(
            o // gcd(n, o) > LARGEST_PERIOD for n, o in zip(operands[0].sizes, self.sizes(operands[0]), strict=True)
        )

    def counts_values(self, operands: Types, results: Types) -> bool:
        return operands[0].sizes != results[0].sizes

    def pytorch(self, *operands: TensorType) -> Lowering:
        out = self.sizes(operands[0])
        rank = len(out)
        module, function = f"Adaptive{self.kind}Pool{rank}d", f"adaptive_{self.kind.lower()}_pool{rank}d"
        return call_and_function(module, function, (compact(out),))

    def summary(self) -> str:
        return f"{self.name} {show_window(self.out)}"


def is_global(out: Shape) -> bool:
    """Whether one window covers the whole input."""
    return set(out) == {1}


def _windows(axis: int, n: int, out: int) -> Rows | Literal["whole"]:
    """Unit i reads from row floor(i n / out) to before row ceil((i + 1) n / out): so every `out / gcd` units alike."""
    period, stride = out // gcd(n, out), n // gcd(n, out)
    if period > LARGEST_PERIOD:
        return WHOLE
    return Rows(axis, tuple((i * stride // period, -(-(i + 1) * stride // period) - 1) for i in range(period)), stride)
