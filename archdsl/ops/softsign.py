"""`softsign`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import RESULT, Derivative, Examples, Extra, Gradient, Incoming, Kernel, Saved, Types, Wanted, number
from archdsl.ops.families.activation import Activation
from archdsl.ops.families.derivatives import quotient


class Softsign(Activation):
    """x / (1 + |x|): Bergstra et al. 2009."""

    name = "softsign"
    module = "Softsign"
    function = "F.softsign"
    examples: ClassVar[Examples] = (("softsign", "[128]", "[128]"),)

    @property
    def is_composed(self) -> bool:
        return True

    def saved(self, operands: Types, results: Types) -> Saved:
        return Saved(operands=(0,), extra=self.scratch(operands, results)[:1])

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        x = operands[0].computed()
        below = Derivative((Gradient("x0", x, scratch=(x,)),), ("denominator",), frees=("x0",))
        return Derivative(quotient(("x0", x), ("denominator", x), x, incoming.type)), below

    def kernels(self, operands: Types, results: Types, wanted: Wanted) -> tuple[Kernel, ...]:
        magnitude, (denominator, _) = Extra.like("|x|", operands[0]), self.scratch(operands, results)
        return (
            Kernel((magnitude,)),
            Kernel((number(0), denominator), ("number 0", magnitude.name)),
            Kernel((Extra(RESULT, ()),)),
        )

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        """The denominator, and the 1 as a tensor."""
        return Extra.like("1 + |x|", operands[0]), Extra("number", (), "float64", batched=False)
