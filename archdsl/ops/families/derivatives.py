"""Derivatives that several operators share."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.ir import Derivative, Gradient, Incoming, Shape, TensorType
from archdsl.ir.strides import at_one, elementwise


def packed(x: TensorType) -> TensorType:
    """The type of a new tensor of this shape."""
    return x.with_shape(x.shape)


def unfolded(x: TensorType, sizes: Shape, window: Shape, taken: str, last: str) -> Iterator[Derivative]:
    """The way back from windows, which are taken from one axis after the other: each step makes what it had been taken of.

    Args:
        sizes: how many windows there are along each spatial axis.
        taken: the name of the gradient that comes in.
        last: the name of the one that goes out.
    """
    for axis in range(len(sizes), 0, -1):
        name = last if axis == 1 else f"windows of {axis - 1}"
        shape = (x.channels, *sizes[: axis - 1], *x.shape[axis:], *window[: axis - 1])
        yield Derivative((Gradient(name, x.with_shape(shape)),), (taken,))
        taken = name


Term = tuple[str, TensorType]
"""A value that is joined with another, by the name of its gradient."""


def spread(joined: TensorType, *operands: TensorType) -> TensorType:
    """A new tensor of the sizes of a result, as an elementwise kernel makes it of values that are repeated to them."""
    if all(t.strides is None for t in operands):
        return packed(joined)
    pairs = ((t.tensor_shape, t.tensor_strides) for t in operands)
    return joined.with_strides(joined.shape, elementwise(joined.tensor_shape, *pairs))


def repeated(term: Term, made: TensorType, is_single: bool, scratch: tuple[TensorType, ...] = ()) -> Gradient:
    """A gradient of the result's sizes, which is summed over the repetitions of a smaller operand."""
    name, x = term
    if not is_alike(x, made, is_single):
        return Gradient(name, packed(x), scratch=scratch, whole=packed(made))
    type = x.with_strides(x.shape, made.tensor_strides) if x.batched == made.batched else packed(x)
    return Gradient(name, type, scratch=scratch)


def quotient(
    above: Term, below: Term, joined: TensorType, incoming: TensorType, is_single: bool = False
) -> tuple[Gradient, ...]:
    """The gradients of a quotient: the divisor's, over two quotients and a negative, then the dividend's."""
    on_the_way = (packed(joined),) * 3
    divided = spread(joined, incoming, below[1])
    negative = spread(joined, incoming)
    return (
        repeated(below, spread(joined, negative, divided), is_single, on_the_way),
        repeated(above, divided, is_single),
    )


def handed_on(of: str, x: TensorType, whole: TensorType, incoming: Incoming) -> Gradient:
    """The gradient of a term of a sum: the sum's own or, where the term was repeated, its sum over the repetitions."""
    return Gradient(of, whole, "same") if is_alike(x, whole, incoming.is_single) else Gradient(of, packed(x), "late")


def is_alike(x: TensorType, whole: TensorType, is_single: bool) -> bool:
    """Whether an operand has the sizes of the result, so that it is not repeated; a batch of one repeats nothing."""
    sizes = tuple(at_one(t.tensor_shape) if is_single else t.tensor_shape for t in (x, whole))
    return sizes[0] == sizes[1]
