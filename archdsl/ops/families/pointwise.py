"""Functions of one value that PyTorch has as functions only."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Call, Derivative, Expression, Helper, Incoming, Lowering, Op, Saved, TensorType, Types
from archdsl.ops.families.checks import check_float


class Pointwise(Op):
    """Base of the functions `torch.abs` and the like. In a sequence they are modules of our own."""

    category = "activation"
    reads_unbatched = True
    keeps_result: ClassVar[bool] = False
    """Whether backward is computed from the result; else from the operand."""
    steps: ClassVar[int] = 1
    """Tensors that backward makes on the way to the gradient."""

    def infer(self, *operands: TensorType) -> Types:
        check_float(self.name, operands[0])
        return (operands[0].computed(),)

    def saved(self, operands: Types, results: Types) -> Saved:
        return Saved(result=True) if self.keeps_result else Saved(operands=(0,))

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        (own,) = self.own_gradients(operands)
        return (Derivative((own._replace(type=incoming.type.computed(operands[0]), scratch=results * self.steps),)),)

    def pytorch(self, *operands: TensorType) -> Lowering:
        module, function = self.name.capitalize(), f"torch.{self.name}"
        helper = Helper(
            module,
            f'''
class {module}(nn.Module):
    """`{function}` as a module."""

    def forward(self, x: Tensor) -> Tensor:
        return {function}(x)
''',
            ("Tensor", "torch", "nn"),
        )
        return Lowering(Call(module), Expression(f"{function}({{0}})", ("torch",)), helper)
