"""The largest batch that fits into a device's memory.

Tensor bytes are lines `a + b N`, so what they allow is exact. What a GPU takes on top is a band, from PyTorch's sources and
documents: it has not been measured on a device here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import Literal, NamedTuple

from archdsl.analyses.memory.allocator import Allocator
from archdsl.analyses.memory.cuda import CONTEXT, CUBLAS, HISTORY
from archdsl.analyses.memory.settings import Kernels
from archdsl.analyses.memory.training import TrainingFacts, largest_batch

LARGEST = 2**24
"""No larger batch is looked for."""
BESIDE = CUBLAS.least + CONTEXT.least
"""What is taken at the least beside tensors."""
PATIENCE = 2
"""After so many guesses that have not halved what is left, the next one does."""


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
        return self.reserved + BESIDE

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

    @property
    def batches(self) -> tuple[int, int]:
        """The certain batch and the likely one."""
        return self.certain.batch if self.certain else 0, self.likely.batch if self.likely else 0


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
    needs = _Needs(on_gpu, on_gpu if shorter is None else cache(shorter), memory, expandable=expandable)
    several = train(2, "cpu")
    tensors = largest_batch(several.simulation.highest, memory)
    if tensors is not None and tensors < 2:
        tensors = int(train(1, "cpu").peak <= memory)
    elif tensors is not None and several.has_pages:
        tensors = largest(2 * tensors, lambda n: train(n, "cpu").peak, memory)
    lines = largest_batch(on_gpu(2).simulation.highest, memory - BESIDE)
    most = LARGEST if lines is None else min(max(lines, 1) * (1 + several.has_pages), LARGEST)
    likely = needs.largest(most, lambda need: need.likely)
    certain = needs.largest(likely, lambda need: need.certain)
    found = [needs.of(n) if n else None for n in (likely, certain)]
    return FitFacts(memory, tensors, found[0], found[1], needs.of(2 * likely or 1), several.status, shorter is not None)


class _Needs:
    """What batches need."""

    def __init__(
        self,
        train: Callable[[int], TrainingFacts],
        played: Callable[[int], TrainingFacts],
        memory: int,
        *,
        expandable: bool,
    ) -> None:
        self._train = train
        self._played = played
        """The facts that the allocator takes, which may be those of fewer turns."""
        self._memory = memory
        self._expandable = expandable
        self._tried: dict[int, tuple[Allocator, Iterator[Sequence[int]]]] = {}
        """By the batch the allocator, and what was not played yet."""

    def of(self, batch: int) -> Need:
        """What a batch needs."""
        allocator, waiting = self._started(batch)
        for part in waiting:
            allocator.play(part)
        return self._taking(batch, allocator.reserved, allocator.most_allocated)

    def largest(self, most: int, needed: Callable[[Need], int]) -> int:
        """The largest batch up to `most` that fits while one more does not."""
        return largest(most, partial(self._at_least, needed), self._memory, self._train(2).peak_at(0))

    def _at_least(self, needed: Callable[[Need], int], batch: int) -> int:
        """What a batch needs; where the first step is too much, that alone: memory is never given back."""
        allocator, waiting = self._started(batch)
        for part in waiting:
            allocator.play(part)
            if needed(self._taking(batch, allocator.reserved)) > self._memory:
                break
        return needed(self._taking(batch, allocator.reserved))

    def _taking(self, batch: int, reserved: int, allocated: int = 0) -> Need:
        """With what all turns take where those that are played take so much."""
        known = self._known(batch)
        facts, short = self._train(known), self._played(known)
        peak, part = facts.peak_at(batch), short.peak_at(batch)
        allocated, reserved = (-(-taken * peak // part) for taken in (allocated, reserved))
        return Need(batch, peak, allocated, reserved, facts.workspace_at(batch))

    def _known(self, batch: int) -> int:
        """The batch whose facts are those of another one."""
        return batch if self._train(2).has_pages else min(batch, 2)

    def _started(self, batch: int) -> tuple[Allocator, Iterator[Sequence[int]]]:
        if batch not in self._tried:
            traffic = self._played(self._known(batch)).simulation.traffic
            allocator = Allocator(traffic.sizes_at(batch), expandable=self._expandable)
            self._tried[batch] = allocator, iter(traffic.parts)
        return self._tried[batch]


def largest(most: int, needed: Callable[[int], int], memory: int, least: int = 0) -> int:
    """The largest batch up to `most` that fits while one more does not.

    Bytes grow almost in proportion to the batch, so each guess lies on the line between the nearest that are known. As memory
    is taken in steps, such guesses may creep; where some of them have not halved what is left, the next one does.

    Args:
        least: what every batch needs.
    """
    if not most or needed(most) <= memory:
        return most
    low, high = 0, most
    below, above = min(least, memory), needed(most)
    slow = 0
    while high - low > 1:
        left = high - low
        guess = low + ((memory - below) * left // (above - below) if slow < PATIENCE else left // 2)
        guess = min(max(guess, low + 1), high - 1)
        found = needed(guess)
        if found <= memory:
            low, below = guess, found
        else:
            high, above = guess, found
        slow = slow + 1 if slow < PATIENCE and 2 * (high - low) > left else 0
    return low
