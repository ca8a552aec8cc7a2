"""`avgpool`: the mean of each window."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import (
    Derivative,
    Examples,
    Extra,
    Gradient,
    Helper,
    Incoming,
    Lowering,
    Misfit,
    Saved,
    Shape,
    TensorType,
    Types,
)
from archdsl.ir.op.attrs import Field, Flag, Pad, Rounding, Window, WindowOrGlobal
from archdsl.ops.families.calls import call_and_function, compact, helper_call
from archdsl.ops.families.padding import of_padded, padded_copy, padded_module, padded_sizes, pads
from archdsl.ops.families.pool import Pool, pool_geometry, pool_keywords, pool_summary
from archdsl.ops.families.windows import Geometry, Padding


class AvgPool(Pool):
    """Average pooling: the mean of each window of each map.

    The stride is the window unless given. `avgpool(global)` gives `[C, 1, 1]`, the global average pooling of Lin et al.
    2014. With `count_pad=false` the mean is over the input alone, and rows of padding do not lower it.
    """

    name = "avgpool"
    positional = 2
    examples: ClassVar[Examples] = (
        ("avgpool(2x2)", "[64, 28, 28]", "[64, 14, 14]"),
        ("avgpool(global)", "[2048, 7, 7]", "[2048, 1, 1]"),
        ("avgpool(3x3, stride=1, pad=same, count_pad=false)", "[8, 14, 14]", "[8, 14, 14]"),
    )

    window: WindowOrGlobal = Field(description="size of the window, or `global` for the whole input")
    stride: Window | None = Field(None, description="rows from one window to the next; the window unless given")
    pad: Pad = Field(0, description="rows of zeros around the input")
    round: Rounding = Field("floor", description="what to do with rows that no window fits")
    count_pad: Flag = Field(True, description="whether rows of padding count in the mean")

    @property
    def is_global(self) -> bool:
        return self.window == "global"

    @property
    def reads_padding(self) -> bool:
        return self.count_pad

    def geometry(self, x: TensorType) -> Geometry:
        return pool_geometry(x, self.name, self.window, self.stride, self.pad, 1, self.round)

    def infer(self, *operands: TensorType) -> Types:
        results = super().infer(*operands)
        (x,) = operands
        g = self.geometry(x)
        if x.rank == 4 and any(n < k for n, k in zip(padded_sizes(x.sizes, g.pad), g.window, strict=True)):
            raise Misfit(
                "`avgpool` over 3 axes takes no window larger than its padded input, nor does PyTorch's",
                code="window-too-large",
                attribute="window",
            )
        return results

    def keeps_channels_last(self, x: TensorType) -> Shape:
        return (1, 2, 3) if self.is_global else super().keeps_channels_last(x)

    def needs_copy(self, x: TensorType) -> bool:
        """PyTorch's 3-D kernel also wants an input of at least the window's sizes, its padding not counted."""
        is_small = x.rank == 4 and any(n < k for n, k in zip(x.sizes, self.geometry(x).window, strict=True))
        return is_small or super().needs_copy(x)

    def padding(self, x: TensorType) -> Padding:
        g = self.geometry(x)
        if g.round != "ceil" or not self.count_pad:
            return super().padding(x)
        # A window that `round=ceil` adds is cut off at the padding's end, so only padding that counts may stand there.
        (y,) = self.infer(x)
        read = ((out - 1) * s + e for out, s, e in zip(y.sizes, g.stride, g.extents, strict=True))
        return tuple((b, min(a, r - n - b)) for r, n, (b, a) in zip(read, x.sizes, g.pad, strict=True))

    def _counts(self, y: TensorType) -> tuple[Extra, ...]:
        return () if self.count_pad else (Extra("counts", y.sizes, y.dtype, batched=False),)

    def saved(self, operands: Types, results: Types) -> Saved:
        (x,), (y,) = operands, results
        if self.is_global:
            return Saved()
        if self.needs_copy(x):
            return Saved(extra=(padded_copy(x, self.padding(x)), *self._counts(y)))
        return Saved(operands=(0,))

    def training_scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        """Beside what is kept, the sums that are divided by the counts."""
        is_masked = not self.count_pad and not self.is_global and self.needs_copy(operands[0])
        return (Extra.like("sums", results[0]),) if is_masked else ()

    def is_known_in_half(self, operands: Types) -> bool:
        """A CPU does not pool volumes so."""
        return operands[0].rank < 4 or self.is_global

    @property
    def is_one_kernel(self) -> bool:
        return not self.is_global

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        (x,), (y,) = operands, results
        if self.is_global:  # one number for all places, divided: in an order of its own
            return (Derivative((Gradient("x0", incoming.type.repeated(x.shape).computed(), self._how(x)),)),)
        if not self.needs_copy(x):
            return super().backward(operands, results, incoming)
        pooled, padded = of_padded(x, self.padding(x), keeping=(2,))
        if self.count_pad:
            return pooled, padded
        divided = Derivative((Gradient("sum", y),))
        return divided, pooled._replace(takes=("sum",), frees=("padded input",)), padded

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        (x,), (y,) = operands, results
        return (padded_copy(x, self.padding(x)), *self._counts(y)) if self.needs_copy(x) else ()

    def pytorch(self, *operands: TensorType) -> Lowering:
        (x,) = operands
        if padded := self.padded_as_open("Avg", x):
            return padded
        g = self.said(x)
        rank = len(g.window)
        if self.is_global:
            return call_and_function(f"AdaptiveAvgPool{rank}d", f"adaptive_avg_pool{rank}d", (1,))
        if not self.needs_copy(x):
            return self.lowering("Avg", x, () if self.count_pad else (("count_include_pad", False),))
        args = (compact(g.window),)
        bare = g._replace(pad=((0, 0),) * rank, round=g.round if self.count_pad else "floor")
        given = (("pads", pads(self.padding(x))), *pool_keywords(bare))
        if self.count_pad:
            return helper_call(padded_module(f"AvgPool{rank}d", "Average pooling"), args, given)
        return helper_call(_masked_avg_pool(rank), args, given)

    def summary(self) -> str:
        return "global average" if self.is_global else pool_summary(self.name, self.window, self.stride)


def _masked_avg_pool(rank: int) -> Helper:
    return Helper(
        f"MaskedAvgPool{rank}d",
        f'''
class MaskedAvgPool{rank}d(nn.AvgPool{rank}d):
    """Average pooling over the input alone, padded differently before and after an axis."""

    def __init__(self, *args: Any, pads: tuple[int, ...], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pads = pads

    def forward(self, x: Tensor) -> Tensor:
        counts = super().forward(F.pad(torch.ones_like(x[:1, :1]), self.pads))
        return super().forward(F.pad(x, self.pads)) / counts
''',
        ("Any", "Tensor", "torch", "nn", "F"),
    )
