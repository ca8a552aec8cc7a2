"""`adaptive_maxpool`: max pooling to a given size."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples, Extra, Saved, Types
from archdsl.ops.families.adaptive import AdaptivePool


class AdaptiveMaxPool(AdaptivePool):
    """Max pooling to the sizes `out`, whatever the input's: output i is the largest of rows floor(i n / out) to
    ceil((i + 1) n / out) - 1.

    Windows are those of `adaptive_avgpool`. Spatial pyramids are made of it: He et al. 2014. PyTorch keeps the place of
    every maximum, 8 bytes for each output element, and makes these indices in inference too.
    """

    name = "adaptive_maxpool"
    kind = "Max"
    examples: ClassVar[Examples] = (
        ("adaptive_maxpool(4)", "[256, 13, 13]", "[256, 4, 4]"),
        ("adaptive_maxpool(1)", "[8, 100]", "[8, 1]"),
    )

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        return (Extra("indices", results[0].shape, "int64"),)

    def saved(self, operands: Types, results: Types) -> Saved:
        return Saved(operands=(0,), extra=self.scratch(operands, results))
