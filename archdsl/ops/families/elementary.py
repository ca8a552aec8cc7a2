"""Functions of one value that are no layers: code calls them, and unlabelled uses take no number."""

from __future__ import annotations

from typing import ClassVar, Literal

from archdsl.ir import Derivative, Expression, Incoming, Lowering, Op, Saved, TensorType, Types
from archdsl.ops.families.checks import check_float


class Elementary(Op):
    """Base of elementwise functions that PyTorch has as functions or operators of Python alone."""

    category = "activation"
    numbered = False
    reads_unbatched = True
    keeps: ClassVar[Literal["operand", "result", "nothing"]]
    """What backward is computed from."""

    steps: ClassVar[int] = 0
    """Tensors like the result that backward makes on the way to the gradient."""

    def on_the_way(self, y: TensorType) -> Types:
        """Tensors that backward makes on the way to the gradient."""
        return (y,) * self.steps

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        (own,) = self.own_gradients(operands)
        read = () if self.keeps == "nothing" else operands
        own = own._replace(type=self.made(incoming.type, *read), scratch=self.on_the_way(results[0]))
        return (Derivative((own,)),)

    def made(self, incoming: TensorType, *read: TensorType) -> TensorType:
        """The type of the gradient, as a kernel makes it of what comes in and of what it reads besides."""
        return incoming.computed(*read)

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
