"""`permute`: the axes in another order."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import (
    Axes,
    Call,
    Derivative,
    Examples,
    Expression,
    Gradient,
    Helper,
    Incoming,
    Lowering,
    Misfit,
    Op,
    Reach,
    Rows,
    Shape,
    TensorType,
    Types,
)
from archdsl.ir.op.attrs import Field, Order
from archdsl.ops.families.calls import dim
from archdsl.ops.families.checks import check_axis
from archdsl.source import counted


class Permute(Op):
    """The axes in the given order: axis i of the result is axis order[i] of the input.

    Nothing is copied. Kernels that need their input in order, and a `reshape` across the axes, copy it then.
    """

    name = "permute"
    category = "reshape"
    positional = 1
    reads_unbatched = True
    examples: ClassVar[Examples] = (
        ("permute([1, 0])", "[768, 196]", "[196, 768]"),
        ("permute([1, 2, 0])", "[96, 56, 56]", "[56, 56, 96]"),
    )

    order: Order = Field(description="the axes of the input in their new order")

    def _order(self, x: TensorType) -> Shape:
        order = tuple(check_axis(self.name, axis, x, "order") for axis in self.order)
        if sorted(order) != list(range(x.rank)):
            raise Misfit(
                f"`order` has to name each axis of {x} once",
                attribute="order",
                label=f"{len(self.order)} of {counted(x.rank, 'axis')}"
                if len(self.order) != x.rank
                else "an axis twice",
            )
        return order

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        order = self._order(x)
        strides = x.tensor_strides
        batch, own = strides[: x.batched], strides[x.batched :]
        return (x.with_strides(tuple(x.shape[a] for a in order), (*batch, *(own[a] for a in order))),)

    def is_view(self, *operands: TensorType) -> bool:
        return True

    def is_itself(self, operands: Types, results: Types) -> bool:
        """A view is another tensor, in the same order too."""
        return False

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        (x,) = operands
        order, strides = self._order(x), incoming.type.tensor_strides
        batch, own = strides[: x.batched], strides[x.batched :]
        back = (*batch, *(own[order.index(a)] for a in range(x.rank)))
        return (Derivative((Gradient("x0", x.with_strides(x.shape, back), "view"),)),)

    def reach(self, *operands: TensorType) -> Reach:
        order = self._order(operands[0])
        return Axes(tuple(Rows(order.index(a)) for a in range(len(order))))

    def pytorch(self, *operands: TensorType) -> Lowering:
        (x,) = operands
        dims = (*range(x.batched), *(dim(a, x) for a in self._order(x)))
        return Lowering(Call("Permute", dims), Expression(f"{{0}}.permute({', '.join(map(str, dims))})"), _PERMUTE)

    def summary(self) -> str:
        return f"permute {' '.join(map(str, self.order))}"


_PERMUTE = Helper(
    "Permute",
    '''
class Permute(nn.Module):
    """The axes in another order."""

    def __init__(self, *dims: int) -> None:
        super().__init__()
        self.dims = dims

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(self.dims)
''',
    ("Tensor", "nn"),
)
