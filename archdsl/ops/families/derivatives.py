"""Derivatives that several operators share."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.ir import Derivative, Gradient, Incoming, Shape, TensorType
from archdsl.ir.strides import at_one


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


def repeated(term: Term, joined: TensorType, is_single: bool, scratch: tuple[TensorType, ...] = ()) -> Gradient:
    """A gradient of the result's sizes, which is summed over the repetitions of a smaller operand."""
    name, x = term
    whole = None if is_alike(x, joined, is_single) else packed(joined)
    return Gradient(name, packed(x), scratch=scratch, whole=whole)


def quotient(above: Term, below: Term, joined: TensorType, is_single: bool = False) -> tuple[Gradient, ...]:
    """The gradients of a quotient: the divisor's, over two quotients and a negative, then the dividend's."""
    on_the_way = (packed(joined),) * 3
    return repeated(below, joined, is_single, on_the_way), repeated(above, joined, is_single)


def handed_on(of: str, x: TensorType, whole: TensorType, incoming: Incoming) -> Gradient:
    """The gradient of a term of a sum: the sum's own or, where the term was repeated, its sum over the repetitions."""
    return Gradient(of, whole, "same") if is_alike(x, whole, incoming.is_single) else Gradient(of, packed(x))


def is_alike(x: TensorType, whole: TensorType, is_single: bool) -> bool:
    """Whether an operand has the sizes of the result, so that it is not repeated; a batch of one repeats nothing."""
    sizes = tuple(at_one(t.tensor_shape) if is_single else t.tensor_shape for t in (x, whole))
    return sizes[0] == sizes[1]
