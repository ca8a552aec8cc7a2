"""`average`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples, Extra, Types
from archdsl.ops.families.merge import Elementwise


class Average(Elementwise):
    """The mean of the values, element by element: the join of FractalNet, Larsson et al. 2017."""

    name = "average"
    examples: ClassVar[Examples] = (("average", "[8, 4, 4], [8, 4, 4]", "[8, 4, 4]"),)

    def join(self, left: str, right: str) -> str:
        return f"{left} + {right}"

    def template(self, operands: Types) -> str:
        total = super().template(operands)
        return f"({total}) / {len(operands)}" if len(operands) > 1 else total

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        """The sum, while it is divided."""
        return (
            (Extra("sum", results[0].shape, results[0].dtype, batched=results[0].batched),) if len(operands) > 1 else ()
        )
