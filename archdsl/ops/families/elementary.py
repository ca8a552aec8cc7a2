"""Functions of one value that are no layers: code calls them, and unlabelled uses take no number."""

from __future__ import annotations

from typing import ClassVar, Literal

from archdsl.ir import Expression, Lowering, Op, Saved, TensorType, Types
from archdsl.ops.families.checks import check_float


class Elementary(Op):
    """Base of elementwise functions that PyTorch has as functions or operators of Python alone."""

    category = "activation"
    numbered = False
    reads_unbatched = True
    keeps: ClassVar[Literal["operand", "result", "nothing"]]
    """What backward is computed from."""

    def template(self) -> str:
        """The function of `{0}`, as Python writes it."""
        raise NotImplementedError

    def infer(self, *operands: TensorType) -> Types:
        check_float(self.name, operands[0])
        return (operands[0].computed(),)

    def saved(self, operands: Types, results: Types) -> Saved:
        return Saved(operands=(0,) if self.keeps == "operand" else (), result=self.keeps == "result")

    def pytorch(self, *operands: TensorType) -> Lowering:
        template = self.template()
        return Lowering(function=Expression(template, ("torch",) if "torch." in template else ()))
