"""What an operator keeps for backward, as inert data; `backward.py` says what that makes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Self

from archdsl.ir.types import Shape, TensorType

Reader = int | str
"""Whose gradient reads a tensor: an operand by its number, a parameter by its name."""


class Extra(NamedTuple):
    """A tensor that exists only because backward needs it: dropout's noise, a max-pool's indices, batch statistics."""

    name: str
    shape: Shape
    dtype: str = "float32"
    batched: bool = True
    """Whether the batch axis stands before `shape`."""
    in_batches: bool = False
    """Whether a single sample does without it: a copy that lays samples behind one another."""
    readers: tuple[Reader, ...] = ()
    """Whose gradients read it, where it is kept only if one of them is wanted."""
    is_for_readers: bool = False
    """Whether it is not even made where none of them is wanted."""
    is_float32: bool = False
    """Whether it is float32 in networks of any precision."""
    has_type_of_weights: bool = False
    """Whether it is of the parameters' precision where autocast runs the operator in another one."""
    in_pages: bool = False
    """Whether it takes whole pages of memory, so that its bytes are no sum `a + b N`."""

    @classmethod
    def like(cls, name: str, x: TensorType) -> Self:
        """A tensor of the type of another one."""
        return cls(name, x.shape, x.dtype, x.batched)


RESULT = "y"
"""The name of an operator's result among what its kernels make."""


def number(which: int) -> Extra:
    """A Python number that an operator multiplies or divides by, as one of its kernels makes a tensor of it."""
    return Extra(f"number {which}", (), "float64", batched=False)


class Kernel(NamedTuple):
    """One step of an operator that PyTorch composes of several."""

    makes: tuple[Extra, ...]
    """What there is after it. Of the result, called `y`, the operator says the size elsewhere."""
    drops: tuple[str, ...] = ()
    """What is let go of then, by name, unless backward needs it: casts of operands and of frozen weights too. What no kernel
    drops goes at the end."""
    casts: tuple[str, ...] = ()
    """Parameters that it alone reads, which autocast casts just before it."""


class Wanted(NamedTuple):
    """What is known of one use of an operator in a training step."""

    is_single: bool
    """Whether the batch has one sample."""
    gradients: frozenset[str]
    """The operands and parameters whose gradients are wanted, by name: `x0`, `x1`, ..., `weight`."""
    casts: frozenset[str] = frozenset()
    """The operands that autocast hands to it in another precision than they came in."""


class Saved(NamedTuple):
    """What autograd keeps of one call in training, as PyTorch's `derivatives.yaml` names it. Parameters are left out."""

    operands: tuple[int, ...] = ()
    result: bool = False
    """Whether the result is kept, or some of several."""
    extra: tuple[Extra, ...] = ()
    for_others: tuple[int, ...] = ()
    """Operands that are kept for the gradient of another one, if there is one that needs it: the factors of a product."""
    for_some: tuple[tuple[int, tuple[Reader, ...]], ...] = ()
    """Operands that are kept for the gradients of those listed beside them: the factors of a product of several, what a
    weight is multiplied by."""
    copies: tuple[tuple[int, Extra], ...] = ()
    """Of the operands kept, those in whose place a copy is kept where there are several samples, which lie too far apart."""
    kept_results: tuple[int, ...] = (-1,)
    """Which results are kept of several: the last is a max-pool's switches."""
    numbers: int = 0
    """Python numbers that it multiplies or divides by. Autograd keeps each as a tensor of float64, `number 0`, `number 1`,
    ...; `torch.autograd.graph.saved_tensors_hooks` does not show them, and they do not count as saved bytes."""
    numbers_for: tuple[Reader, ...] = ()
    """Whose gradients need these numbers, where not every one does."""

    def operands_for(self, count: int, is_wanted: Callable[[Reader], bool]) -> tuple[int, ...]:
        """The operands that are kept where some gradients are wanted.

        Args:
            count: how many operands there are.
            is_wanted: whether the gradient of an operand or of a parameter is.
        """
        if not self.for_others and not self.for_some:
            return self.operands
        others = ((i, [other for other in range(count) if other != i]) for i in self.for_others)
        return (*self.operands, *(i for i, readers in (*others, *self.for_some) if any(map(is_wanted, readers))))

    def extras_for(self, is_wanted: Callable[[Reader], bool]) -> list[Extra]:
        """What is kept besides then."""
        return [extra for extra in self.extra if not extra.readers or any(map(is_wanted, extra.readers))]

    @property
    def number(self) -> tuple[Extra, ...]:
        """One of the numbers beside all else that is made, unless it is said whose gradients they are for."""
        return (Extra("number", (), "float64", batched=False),) if self.numbers and not self.numbers_for else ()

    @property
    def names(self) -> frozenset[str]:
        """All tensors that may be kept: further ones by their own names, operands as `x0`, the result as `y`."""
        operands = (*self.operands, *self.for_others, *(i for i, _ in self.for_some))
        extras = (*self.extra, *(extra for _, extra in self.copies))
        return frozenset((*(f"x{i}" for i in operands), *(e.name for e in extras), *["y"][: self.result]))
