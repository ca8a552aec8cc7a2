"""The largest batch that fits into a device's memory.

Tensor bytes are lines `a + b N`, so what they allow is exact. What a GPU takes on top is a band, from PyTorch's sources and
documents: it has not been measured on a device here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Literal, NamedTuple

from archdsl.analyses.memory.cuda import CONTEXT, CUBLAS, HISTORY, two_steps
from archdsl.analyses.memory.settings import Kernels
from archdsl.analyses.memory.training import TrainingFacts, largest_batch


class Need(NamedTuple):
    """What a batch needs on a GPU."""

    batch: int
    tensors: int
    """The peak of tensor bytes on a GPU."""
    allocated: int
    """The blocks for them, rounded up."""
    reserved: int
    """What a model of the caching allocator takes from the driver for them."""
    workspace: int
    """The most that a convolution may want besides: copies in another order of what it reads, its weights, what it makes."""

    @property
    def likely(self) -> int:
        """Without workspaces of convolutions."""
        return self.reserved + CUBLAS.least + CONTEXT.least

    @property
    def certain(self) -> int:
        """With everything at its most."""
        return int(HISTORY * self.reserved) + self.workspace + CUBLAS.most + CONTEXT.most


class FitFacts(NamedTuple):
    """Batches for some bytes of device memory; 0 where not even one sample fits, None where any number does."""

    memory: int
    tensors: int | None
    """The largest for tensor bytes alone: exact on a CPU, and more than a GPU takes."""
    likely: Need | None
    certain: Need | None
    doubled: Need
    """Twice the likely batch; one sample where that does not fit."""
    status: Literal["exact", "estimate"]
    """Of tensor bytes."""
    is_scaled: bool = False
    """Whether what the allocator takes was worked out for fewer turns of loops."""


LARGEST = 2**24
"""No larger batch is looked for."""


def fit(
    train: Callable[[int, Kernels], TrainingFacts],
    memory: int,
    *,
    expandable: bool = False,
    shorter: Callable[[int], TrainingFacts] | None = None,
) -> FitFacts:
    """The largest batches of a training step.

    Args:
        train: the facts of a step for a batch, on a CPU or a GPU.
        expandable: whether the allocator's segments grow.
        shorter: where turns of loops are too many for the allocator, those on a GPU for a network with fewer of them, which is
            taken to need as much for each byte of its tensors.
    """
    on_gpu = cache(lambda batch: train(batch, "cuda"))
    played = on_gpu if shorter is None else cache(shorter)
    several = train(2, "cpu")

    @cache
    def need(batch: int) -> Need:
        known = batch if on_gpu(2).has_pages else min(batch, 2)
        facts, short = on_gpu(known), played(known)
        found = two_steps(short, batch, expandable=expandable)
        peak = facts.peak_at(batch)
        part = peak if short is facts else short.peak_at(batch)
        allocated, reserved = (-(-taken * peak // part) for taken in (found.most_allocated, found.reserved))
        return Need(batch, peak, allocated, reserved, facts.workspace_at(batch))

    tensors = largest_batch(several.lines, memory)
    if tensors is not None and tensors < 2:
        tensors = int(train(1, "cpu").peak <= memory)
    elif tensors is not None and several.has_pages:
        tensors = largest(2 * tensors, lambda n: train(n, "cpu").peak, memory)
    lines = largest_batch(on_gpu(2).lines, memory)
    most = LARGEST if lines is None else min(max(lines, 1) * (1 + several.has_pages), LARGEST)
    likely = largest(most, lambda n: need(n).likely, memory)
    certain = largest(likely, lambda n: need(n).certain, memory)
    found = [need(n) if n else None for n in (likely, certain)]
    return FitFacts(memory, tensors, found[0], found[1], need(2 * likely or 1), several.status, shorter is not None)


def largest(most: int, needed: Callable[[int], int], memory: int) -> int:
    """The largest batch up to `most` that fits while one more does not.

    Bytes grow almost in proportion to the batch, so each guess lies on the line between the nearest that are known. As memory
    is taken in steps, such guesses may creep; where two of them have not halved what is left, the next one does.
    """
    if not most or needed(most) <= memory:
        return most
    low, high = 0, most
    below, above = 0, needed(most)
    slow = 0
    while high - low > 1:
        left = high - low
        guess = low + ((memory - below) * left // (above - below) if slow < 2 else left // 2)
        guess = min(max(guess, low + 1), high - 1)
        found = needed(guess)
        if found <= memory:
            low, below = guess, found
        else:
            high, above = guess, found
        slow = slow + 1 if slow < 2 and 2 * (high - low) > left else 0
    return low
