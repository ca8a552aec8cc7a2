"""Functions of one value that PyTorch has as functions only."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Call, Derivative, Expression, Helper, Incoming, Lowering, TensorType, Types
from archdsl.ops.families.activation import Elementwise


class Pointwise(Elementwise):
    """Base of the functions `torch.abs` and the like. In a sequence they are modules of our own."""

    steps: ClassVar[int] = 1
    """Tensors that backward makes on the way to the gradient."""

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
