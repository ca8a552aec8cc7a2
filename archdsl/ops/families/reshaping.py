"""What `flatten` and `reshape` have in common."""

from __future__ import annotations

from archdsl.ir import Derivative, Incoming, Op, Reach, Shape, TensorType, Types
from archdsl.ops.families.moves import reshaped


class Reshaping(Op):
    """Base of the operators that give the elements another shape, in the same order.

    Nothing is copied where PyTorch can view them so; behind a `permute` or `split` it often cannot.
    """

    category = "reshape"
    reads_unbatched = True

    @property
    def keeps_sign(self) -> bool:
        return True

    def new_shape(self, x: TensorType) -> Shape:
        """The shape of the result. Raises `Misfit`."""
        raise NotImplementedError

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        shape = self.new_shape(x)
        return (x.viewed_as(shape) or x.with_shape(shape),)

    def is_view(self, *operands: TensorType) -> bool:
        (x,) = operands
        return x.viewed_as(self.new_shape(x)) is not None

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        return (Derivative((incoming.reshaped("x0", operands[0]),)),)

    def reach(self, *operands: TensorType) -> Reach:
        (x,) = operands
        return reshaped(x.shape, self.new_shape(x))
