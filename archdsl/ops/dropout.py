"""`dropout`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Call, Examples, Expression, Extra, Lowering, Op, Saved, TensorType, Types
from archdsl.ir.attrs import Field, Probability
from archdsl.ops.families.checks import check_float


class Dropout(Op):
    """While training each value is 0 with probability p, else divided by 1 - p; otherwise nothing happens.

    Srivastava et al. 2014. On the CPU PyTorch keeps the factors, one in the input's type for each element.
    """

    name = "dropout"
    category = "regularization"
    positional = 1
    reads_unbatched = True
    examples: ClassVar[Examples] = (("dropout", "[4096]", "[4096]"), ("dropout(0.2)", "[1280]", "[1280]"))

    p: Probability = Field(0.5, description="probability of a zero")

    def infer(self, *operands: TensorType) -> Types:
        check_float(self.name, operands[0])
        return operands  # where it lies is said as of inference; gaps are closed while training

    def is_view(self, *operands: TensorType) -> bool:
        """With p = 0 PyTorch gives back the input, in training too."""
        return self.p == 0

    @property
    def is_identity_in_inference(self) -> bool:
        return True

    def saved(self, operands: Types, results: Types) -> Saved:
        (x,) = operands
        if self.p == 0:
            return Saved()
        if self.p == 1:
            return Saved(extra=(Extra("zero", (), x.dtype, batched=False),))
        return Saved(extra=(Extra.like("noise", x),))

    def pytorch(self, *operands: TensorType) -> Lowering:
        return Lowering(
            Call("nn.Dropout", (self.p,)), Expression(f"F.dropout({{0}}, {self.p!r}, self.training)", ("F",))
        )
