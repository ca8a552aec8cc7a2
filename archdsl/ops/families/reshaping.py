"""What `flatten` and `reshape` have in common."""

from __future__ import annotations

from archdsl.ir import Derivative, Expression, Incoming, Op, Reach, Shape, TensorType, Types
from archdsl.ir.strides import at_one, is_channels_last
from archdsl.ops.families.copies import copied
from archdsl.ops.families.moves import reshaped

COPY = "{0}.clone(memory_format=torch.contiguous_format)"


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

    def infer_alone(self, *operands: TensorType) -> Types | None:
        """Kernels may take the view of a single sample not to be stored channels last, or that of several alone."""
        (found,) = self.infer(*operands)
        alone = operands[0].viewed_alone_as(found.shape) if found.strides is not None else None
        if alone is None or alone.strides is None:
            return None
        of_one = is_channels_last(at_one(alone.tensor_shape), alone.strides)
        return None if of_one == is_channels_last(found.tensor_shape, found.tensor_strides) else (alone,)

    def is_view(self, *operands: TensorType) -> bool:
        (x,) = operands
        return x.viewed_as(self.new_shape(x)) is not None

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        return (Derivative((incoming.reshaped("x0", operands[0]),)),)

    def reach(self, *operands: TensorType) -> Reach:
        (x,) = operands
        return reshaped(x.shape, self.new_shape(x))

    def depends_on_batch(self, x: TensorType) -> bool:
        """Whether PyTorch would copy a batch and not a single sample. The code then always copies, as the facts say."""
        return copied(x, x.with_shape(self.new_shape(x)).tensor_shape) == "in batches"

    def of_copy(self, function: Expression) -> Expression:
        """The expression with its operand copied first."""
        return Expression(function.template.replace("{0}", COPY), tuple(dict.fromkeys((*function.imports, "torch"))))
