"""`shift`: a value plus a number."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Derivative, Examples, Extra, Gradient, Incoming, Types
from archdsl.ir.op.attrs import Field, Number
from archdsl.ops.families.elementary import Elementary


class Shift(Elementary):
    """Plus a number: 1 - x, the other side of a gate, is `scale(-1) -> shift(1)`."""

    name = "shift"
    positional = 1
    keeps = "nothing"
    examples: ClassVar[Examples] = (("shift(1)", "[128]", "[128]"), ("shift(-0.5)", "[3, 8, 8]", "[3, 8, 8]"))

    by: Number = Field(description="what is added to each element")

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        """The number, as a tensor."""
        return (Extra("number", (), "float64", batched=False),)

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        """What comes in is handed on."""
        return (Derivative((Gradient("x0", results[0], "same"),)),)

    def template(self) -> str:
        return f"{{0}} + {self.by!r}" if self.by >= 0 else f"{{0}} - {-self.by!r}"

    def summary(self) -> str:
        return f"shift {self.by:g}"
