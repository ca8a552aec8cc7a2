"""`maxpool`: the largest value of each window."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Derivative, Examples, Extra, Incoming, Lowering, Misfit, Places, Saved, Shape, TensorType, Types
from archdsl.ir.op.attrs import Field, Pad, Rounding, Window, WindowOrGlobal
from archdsl.ops.families.calls import call_and_function, compact, helper_call
from archdsl.ops.families.copies import laid_in_order, made
from archdsl.ops.families.padding import is_symmetric, of_padded, padded_copy, padded_module, pads
from archdsl.ops.families.pool import Pool, pool_geometry, pool_keywords, pool_summary
from archdsl.ops.families.windows import Geometry


class MaxPool(Pool):
    """Max pooling: the largest value of each window of each map. Padding never wins.

    The stride is the window unless given. `maxpool(global)` gives `[C, 1, 1]`. PyTorch keeps the place of every
    maximum for backward, 8 bytes for each output element, and makes these indices in inference too.
    """

    name = "maxpool"
    positional = 2
    examples: ClassVar[Examples] = (
        ("maxpool(2x2)", "[64, 224, 224]", "[64, 112, 112]"),
        ("maxpool(3x3, stride=2, pad=1)", "[64, 112, 112]", "[64, 56, 56]"),
        ("maxpool(3x3, 2, round=ceil)", "[64, 112, 112]", "[64, 56, 56]"),
        ("maxpool(global)", "[8, 5, 7]", "[8, 1, 1]"),
    )

    window: WindowOrGlobal = Field(description="size of the window, or `global` for the whole input")
    stride: Window | None = Field(None, description="rows from one window to the next; the window unless given")
    pad: Pad = Field(0, description="rows around the input that no window takes its maximum from")
    dilation: Window = Field(1, description="rows from one tap of the window to the next")
    round: Rounding = Field("floor", description="what to do with rows that no window fits")

    @property
    def is_global(self) -> bool:
        return self.window == "global"

    @property
    def reads_padding(self) -> bool:
        return False

    @property
    def is_one_kernel(self) -> bool:
        return self.is_global

    def geometry(self, x: TensorType) -> Geometry:
        return pool_geometry(x, self.name, self.window, self.stride, self.pad, self.dilation, self.round)

    def keeps_channels_last(self, x: TensorType) -> Shape:
        return super().keeps_channels_last(x) if self.is_global else (*super().keeps_channels_last(x), 3)

    def _indices(self, y: TensorType) -> Extra:
        return Extra("indices", y.shape, "int64")

    def saved(self, operands: Types, results: Types) -> Saved:
        (x,), (y,) = operands, results
        if self.needs_copy(x):
            return Saved(extra=(padded_copy(x, self.padding(x)), self._indices(y)))
        return Saved(operands=(0,), extra=(self._indices(y),))

    def gradient_type(self, x: TensorType, y: TensorType, incoming: TensorType) -> TensorType:
        return x.mapped(x.shape, keeping=(1, 2) if self.is_global else (1, 2, 3))

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        (x,) = operands
        if self.needs_copy(x):
            return of_padded(x, self.padding(x))
        return super().backward(operands, results, incoming)

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        (x,), (y,) = operands, results
        if self.needs_copy(x):
            padded = padded_copy(x, self.padding(x))
            return (padded,) if self._is_bare(x) else (padded, self._indices(y))
        return made(x, laid_in_order(x)) if self._is_bare(x) else (self._indices(y),)

    def training_scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        """The kernel with indices reads rows as they lie."""
        return () if self._is_bare(operands[0]) else super().training_scratch(operands, results)

    def forgotten_scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        is_bare = self._is_bare(operands[0])
        return self.saved(operands, results).extra if is_bare else super().forgotten_scratch(operands, results)

    def frozen_scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        is_bare = self._is_bare(operands[0])
        return self.scratch(operands, results) if is_bare else super().frozen_scratch(operands, results)

    def _is_bare(self, x: TensorType) -> bool:
        """Whether PyTorch has a kernel that makes no indices, which it takes where no gradient is wanted. It reads rows in
        order (`max_pool1d` in ATen's `native/MaxPooling.cpp`)."""
        return x.rank == 2 and not self.is_global

    def pytorch(self, *operands: TensorType) -> Lowering:
        (x,) = operands
        if padded := self.padded_as_open("Max", x):
            return padded
        g = self.said(x)
        rank = len(g.window)
        if self.is_global:
            return call_and_function(f"AdaptiveMaxPool{rank}d", f"adaptive_max_pool{rank}d", (1,))
        if not self.needs_copy(x):
            return self.lowering("Max", x)
        padding = self.padding(x)
        given = pool_keywords(g._replace(pad=((0, 0),) * rank, round="floor"))
        helper = padded_module(f"MaxPool{rank}d", "Max pooling", 'float("-inf")')
        return helper_call(helper, (compact(g.window),), (("pads", pads(padding)), *given))

    def with_switches(self) -> MaxPool:
        return SwitchingMaxPool(**self.attributes)

    def summary(self) -> str:
        return "global max" if self.is_global else pool_summary(self.name, self.window, self.stride)


class SwitchingMaxPool(MaxPool):
    """Max pooling with a second result: its switches, where in the input each maximum was found."""

    def infer(self, *operands: TensorType) -> Types:
        (y,) = super().infer(*operands)
        (x,) = operands
        g = self.geometry(x)
        if not is_symmetric(g.pad):
            raise Misfit(
                "a max-pool that pads differently before and after has no switches for `unpool`",
                attribute="pad",
                help="pad alike on both sides",
            )
        places = Places(x.sizes, g.extents, g.stride, tuple(before for before, _ in g.pad))
        return y, y._replace(dtype="int64", places=places)

    def is_cast_exactly(self, operands: Types, results: Types, *, is_lower: bool) -> bool:
        return not is_lower or operands[0].rank < 4

    def saved(self, operands: Types, results: Types) -> Saved:
        return Saved(operands=(0,), result=True)

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        return ()

    def pytorch(self, *operands: TensorType) -> Lowering:
        module, function, *_ = super().pytorch(*operands)
        assert module is not None and function is not None
        keywords = (*module.keywords, ("return_indices", True))
        template = f"{function.template.removesuffix(')')}, return_indices=True)"
        return Lowering(module._replace(keywords=keywords), function._replace(template=template))
