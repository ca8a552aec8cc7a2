"""Copies that PyTorch makes of operands whose elements it needs in another order."""

from __future__ import annotations

from typing import Literal

from archdsl.ir import Extra, Reader, Saved, Shape, TensorType
from archdsl.ir.strides import at_one, is_contiguous, view

Copied = Literal["never", "in batches", "always"]
"""Whether reshaping a tensor copies it; `in batches`, where samples lie too far apart, only if there are two or more."""


def copied(x: TensorType, sizes: Shape, order: Shape | None = None) -> Copied:
    """Whether a tensor, its axes first brought into an order, is copied when it is reshaped to these sizes.

    The batch counts as `BATCH` in the sizes, that of a single sample too, and as an axis in the order.
    """
    if x.samples == 1:
        sizes = at_one(sizes)
    axes = range(len(x.tensor_shape)) if order is None else order
    given = (*(tuple(s[a] for a in axes) for s in (x.tensor_shape, x.tensor_strides)), sizes)
    if view(*given) is not None:
        return "never"
    return "always" if view(*map(at_one, given)) is None else "in batches"


def is_copied_now(copied: Copied, is_single: bool) -> bool:
    """Whether a batch of one, or of more, is copied."""
    return copied == "always" or (copied == "in batches" and not is_single)


def laid_in_order(x: TensorType, order: Shape | None = None) -> Copied:
    """Whether a tensor, its axes first brought into an order, is copied so that its elements lie in it."""
    axes = range(len(x.tensor_shape)) if order is None else order
    given = tuple(tuple(s[a] for a in axes) for s in (x.tensor_shape, x.tensor_strides))
    if is_contiguous(*given):
        return "never"
    return "in batches" if is_contiguous(*map(at_one, given)) else "always"


def kept(x: TensorType, copied: Copied, operand: int = 0, readers: tuple[Reader, ...] = ()) -> Saved:
    """What backward keeps of an operand that it wants reshaped.

    Args:
        readers: whose gradients read it, if it is kept for these alone.
    """
    if copied == "always":
        return Saved(extra=(Extra.like("copy", x)._replace(readers=readers),))
    copies = ((operand, made(x, copied)[0]),) if copied == "in batches" else ()
    return Saved(for_some=((operand, readers),), copies=copies) if readers else Saved((operand,), copies=copies)


def made(x: TensorType, copied: Copied) -> tuple[Extra, ...]:
    """The copy, while the operator runs."""
    return () if copied == "never" else (Extra.like("copy", x)._replace(in_batches=copied == "in batches"),)
