"""`adaptive_avgpool`: average pooling to a given size."""

from __future__ import annotations

from typing import ClassVar, Self

from archdsl.ir import WHOLE, Examples, Lowering, Op, Reach, Saved, Shape, Step, TensorType, Types
from archdsl.ir.attrs import Field, Sizes
from archdsl.ops.families.calls import call_and_function, compact
from archdsl.ops.families.checks import check_float
from archdsl.ops.families.windows import per_axis, show_window, spatial_rank


class AdaptiveAvgPool(Op):
    """Average pooling to the sizes `out`, whatever the input's: output i is the mean of rows floor(i n / out) to
    ceil((i + 1) n / out) - 1.

    Where out does not divide n the windows overlap and may differ in size; the receptive field then covers them all.
    Where it keeps the size it changes nothing, and counts no activations.
    """

    name = "adaptive_avgpool"
    category = "pool"
    positional = 1
    examples: ClassVar[Examples] = (
        ("adaptive_avgpool(7x7)", "[512, 7, 7]", "[512, 7, 7]"),
        ("adaptive_avgpool(6x6)", "[256, 13, 13]", "[256, 6, 6]"),
        ("adaptive_avgpool(1)", "[8, 100]", "[8, 1]"),
    )

    out: Sizes = Field(description="size of the result, for all axes or one for each")

    def _out(self, x: TensorType) -> Shape:
        return per_axis(self.out, spatial_rank(self.name, x), "out")

    def resolve(self, *operands: TensorType) -> Self:
        return self.replace(out=self._out(operands[0]))

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        check_float(self.name, x)
        return (x.mapped((x.channels, *self._out(x)), keeping=(1, 2, 3) if _is_global(self._out(x)) else (1, 2)),)

    def reach(self, *operands: TensorType) -> Reach:
        (x,) = operands
        out = self._out(x)
        if out == x.sizes:
            return "pointwise"
        return WHOLE if _is_global(out) else tuple(_covering_step(n, o) for n, o in zip(x.sizes, out, strict=True))

    def counts_values(self, operands: Types, results: Types) -> bool:
        return operands[0].sizes != results[0].sizes

    def saved(self, operands: Types, results: Types) -> Saved:
        """Nothing for a global average, which PyTorch runs as a mean."""
        return Saved() if _is_global(results[0].sizes) else Saved(operands=(0,))

    def pytorch(self, *operands: TensorType) -> Lowering:
        out = self._out(operands[0])
        rank = len(out)
        return call_and_function(f"AdaptiveAvgPool{rank}d", f"adaptive_avg_pool{rank}d", (compact(out),))

    def summary(self) -> str:
        return f"adaptive_avgpool {show_window(self.out)}"


def _is_global(out: Shape) -> bool:
    return set(out) == {1}


def _covering_step(n: int, out: int) -> Step:
    """Evenly spaced windows that cover the real ones; the real ones where out divides n."""
    stride, rest = divmod(n, out)
    return Step(stride + rest, stride) if stride else Step(out - n + 1, 1, out - n)
