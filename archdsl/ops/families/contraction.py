"""The gradients of a product of tensors whose axes are named, as `einsum` makes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from archdsl.ir import Derivative, Gradient, TensorType
from archdsl.ir.strides import contiguous, elementwise, in_order, view
from archdsl.ops.families.products import Product, Tensor, plain


class Factor(NamedTuple):
    """What is multiplied: an operand, or the product before."""

    name: str
    type: TensorType
    axes: tuple[int, ...]
    """Its axes, that of the batch among them, by their numbers in the product."""
    tensor: Tensor
    """As it is multiplied, with all axes of the product."""


class Joined(NamedTuple):
    """The gradient of a product."""

    name: str
    tensor: Tensor


def gradients(
    product: Product, factors: Sequence[Factor], incoming: Joined, frees: tuple[str, ...], *, is_single: bool
) -> Iterator[Derivative]:
    """Those of both factors, permuted to the axes of what they are of; axes that were summed before repeat them.

    Args:
        incoming: has the axes of the product.
        frees: what was kept for them.
    """
    dtype, taken = factors[0].type.dtype, incoming.name
    rows = plain(product.result.sizes, dtype)
    if product.macs:
        if _is_copied(product, incoming.tensor):
            yield Derivative((Gradient("rows", rows),), (taken,))
            taken = "rows"
        pairs = zip(factors, product.orders[:2], strict=True)
        made = [(f, Tensor(f.tensor.sizes, in_order(f.tensor.sizes, order)), False) for f, order in pairs]
    else:
        others = reversed(factors)
        made = [(f, *_times(incoming.tensor, f, other)) for f, other in zip(factors, others, strict=True)]
    gives, permuted = [], []
    for factor, tensor, is_summed in made:
        once = f"product to {factor.name}"
        gives.append(Gradient(once, plain(tensor.sizes, dtype), "reshaped", whole=rows if is_summed else None))
        found = _of_factor(factor, tensor, is_single=is_single)
        permuted.append(Derivative((Gradient(factor.name, found, "view"),), (once,)))
    yield Derivative(tuple(gives), (taken,), frees=frees)
    yield from reversed(permuted)  # the engine begins with what was permuted last


def _is_copied(product: Product, incoming: Tensor) -> bool:
    """Whether the gradient that comes in cannot be seen as matrices."""
    return view(*incoming.permuted(product.orders[2]), product.matrices) is None


def _times(incoming: Tensor, own: Factor, other: Factor) -> tuple[Tensor, bool]:
    """The gradient that comes in, times the other factor; and whether it is summed over repetitions then."""
    sizes = incoming.sizes
    if own.tensor.sizes != sizes:
        return Tensor(own.tensor.sizes, contiguous(own.tensor.sizes)), True
    return Tensor(sizes, elementwise(sizes, incoming, other.tensor)), False


def _of_factor(factor: Factor, made: Tensor, *, is_single: bool) -> TensorType:
    x = factor.type
    sizes = zip(factor.axes, _sizes(factor, is_single=is_single), strict=True)
    strides = [made.strides[a] if made.sizes[a] == n else 0 for a, n in sizes]
    if is_single and x.batched:
        strides[0] = x.numel
    return x.with_strides(x.shape, tuple(strides))


def _sizes(factor: Factor, *, is_single: bool) -> tuple[int, ...]:
    sizes = factor.type.tensor_shape
    return (1, *sizes[1:]) if is_single and factor.type.batched else sizes
