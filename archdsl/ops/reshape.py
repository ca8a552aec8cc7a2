"""`reshape`: the same elements in another shape."""

from __future__ import annotations

from math import prod
from typing import ClassVar

from archdsl.ir import Call, Examples, Expression, Helper, Lowering, Misfit, TensorType, agree, show_shape
from archdsl.ir import Shape as Sizes
from archdsl.ir.attrs import Field, Shape
from archdsl.ops.families.reshaping import Reshaping


class Reshape(Reshaping):
    """The same elements in another shape, the last axis running fastest. One size may be -1: it follows from the others.

    The batch axis stays as it is. To give the axes another order, `permute` them.
    """

    name = "reshape"
    positional = 1
    examples: ClassVar[Examples] = (
        ("reshape([4, 16, 196])", "[64, 14, 14]", "[4, 16, 196]"),
        ("reshape([-1, 8])", "[4, 6, 8]", "[24, 8]"),
    )

    shape: Shape = Field(description="the sizes, without the batch; one may be -1")

    def new_shape(self, x: TensorType) -> Sizes:
        known = prod(n for n in self.shape if n != -1)
        if -1 in self.shape and agree(x.numel % known, 0):
            return tuple(x.numel // known if n == -1 else n for n in self.shape)
        if -1 in self.shape or not agree(known, x.numel):
            raise Misfit(
                f"{show_shape(x.shape)} does not reshape to {show_shape(self.shape)}",
                code="shape-mismatch",
                attribute="shape",
                label=f"{x.numel} elements, not {'a multiple of ' if -1 in self.shape else ''}{known}",
            )
        return self.shape

    def pytorch(self, *operands: TensorType) -> Lowering:
        (x,) = operands
        shape = self.new_shape(x)
        sizes = ((-1, *shape) if x.batched else shape,)
        expression = Expression(f"{{0}}.reshape({', '.join(map(str, *sizes))})")
        if self.depends_on_batch(x):
            return Lowering(function=self.of_copy(expression))
        return Lowering(Call("Reshape", *sizes), expression, _RESHAPE)

    def summary(self) -> str:
        return f"reshape {'x'.join('?' if n == -1 else str(n) for n in self.shape)}"


_RESHAPE = Helper(
    "Reshape",
    '''
class Reshape(nn.Module):
    """The same elements in another shape."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(self.shape)
''',
    ("Tensor", "nn"),
)
