"""The largest batch that fits into a device's memory.

Tensor bytes are lines `a + b N`, so what they allow is exact. What a GPU takes on top is a band, from PyTorch's sources and
documents: it has not been measured on a device here.
"""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections.abc import Callable, Mapping
from functools import cache
from math import inf
from types import MappingProxyType
from typing import Literal, NamedTuple

from archdsl.analyses.memory.gpu.allocator import MIB, OWN_SEGMENT, ROUND, SMALL_SEGMENT, Allocator
from archdsl.analyses.memory.gpu.cuda import ANY, HISTORY, Profile
from archdsl.analyses.memory.training import TrainingFacts, largest_batch

LARGEST = 2**24
"""No larger batch is looked for where none takes more than another."""
USUAL = 1.06
"""How much more than tensors ask for the allocator often reserves: with that the search begins."""
OWN, PAGE = OWN_SEGMENT * ROUND, SMALL_SEGMENT * ROUND
"""From how many bytes on a tensor has a segment of its own, and what that is a multiple of."""
GUESSES = 2
"""So many batches tell how much more it is here."""


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
    profile: Profile
    """What else is taken."""

    @property
    def likely(self) -> int:
        """Without workspaces of convolutions."""
        return self.reserved + self.profile.least

    @property
    def certain(self) -> int:
        """With everything at its most."""
        return int(HISTORY * self.reserved) + self.workspace + self.profile.most


class Largest(NamedTuple):
    """The largest batches on a GPU; None where not even one sample fits."""

    likely: Need | None
    certain: Need | None

    @property
    def batches(self) -> tuple[int, int]:
        """The certain batch and the likely one."""
        return self.certain.batch if self.certain else 0, self.likely.batch if self.likely else 0


class FitFacts(NamedTuple):
    """Batches for some bytes of device memory."""

    memory: int
    tensors: int | None
    """The largest for tensor bytes alone: exact on a CPU, and more than a GPU takes. 0 where not even one sample fits, None
    where any number does."""
    on_gpu: Largest
    doubled: Need
    """Twice the likely batch; one sample where that does not fit."""
    status: Literal["exact", "estimate"]
    """Of tensor bytes."""
    is_scaled: bool = False
    """Whether what the allocator takes was worked out for fewer turns of loops."""
    trains: bool = True
    """Whether the loss depends on a parameter that is trained."""
    refused: Mapping[str, str] = MappingProxyType({})
    """By the paths of layers why PyTorch does not run them in this precision."""

    @property
    def likely(self) -> Need | None:
        return self.on_gpu.likely

    @property
    def certain(self) -> Need | None:
        return self.on_gpu.certain


def fit(train: Callable[[int], TrainingFacts], memory: int, needs: Needs) -> FitFacts:
    """The largest batches of a training step.

    Args:
        train: the facts of a step for a batch, on a CPU.
        needs: what batches need on a GPU.
    """
    several = train(2)
    tensors = largest_batch(several.simulation.highest, memory)
    if tensors is not None and tensors < 2:
        tensors = int(train(1).peak <= memory)
    elif tensors is not None and several.has_pages:
        tensors = largest(2 * tensors, lambda n: train(n).peak <= memory, tensors)
    found = needs.largest(memory)
    doubled = needs.of(2 * found.likely.batch if found.likely else 1)
    told = several.status, needs.is_scaled, several.trains, several.refused
    return FitFacts(memory, tensors, found, doubled, *told)


class Needs:
    """What batches need on a GPU.

    Args:
        train: the facts of a step there for a batch.
        shorter: where turns of loops are too many for the allocator, those of a network with fewer of them, which is taken to
            need as much for each byte of its tensors.
        expandable: whether the allocator's segments grow.
        profile: what the GPU takes beside tensors.
    """

    def __init__(
        self,
        train: Callable[[int], TrainingFacts],
        shorter: Callable[[int], TrainingFacts] | None = None,
        *,
        expandable: bool = False,
        profile: Profile = ANY,
    ) -> None:
        self._train = cache(train)
        self._played = self._train if shorter is None else cache(shorter)
        """The facts that the allocator takes."""
        self.is_scaled = shorter is not None
        self._profile = profile
        self._expandable = expandable
        self._ratio = USUAL
        """How much more was reserved than asked for, the last time."""
        self._whole: dict[int, Allocator] = {}
        """By the batch the allocators that have played all."""
        self._small: tuple[int, int] | None = None
        """The first batch that was looked at, and what small tensors took with it."""
        self._looked_at: dict[int, int] = {}
        """By the batch what is reserved for large tensors in a first step."""
        self._fixed = cache(self._of_fixed)

    def largest(self, memory: int) -> Largest:
        """The batches for some bytes of device memory."""
        least = self._profile.least
        lines = largest_batch(self._train(2).simulation.highest, memory - least)
        most = LARGEST if lines is None else max(lines, 1) * (1 + self._train(2).has_pages)
        likely = self._largest(most, lambda batch: memory - least)
        certain = self._largest(likely, lambda batch: int((memory - self._beside(batch)) / HISTORY))
        return Largest(*(self.of(batch) if batch else None for batch in (likely, certain)))

    @property
    def recomputed_macs(self) -> int:
        """Multiply-adds of the second runs of checkpointed blocks, for one sample."""
        return self._train(2).recomputed_macs

    def of(self, batch: int) -> Need:
        """What a batch needs."""
        allocator = self._whole.get(batch) or self._play(batch)
        allocated, reserved = (self._scaled(taken, batch) for taken in (allocator.most_allocated, allocator.reserved))
        facts = self._facts(batch)
        return Need(batch, facts.peak_at(batch), allocated, reserved, facts.workspace_at(batch), self._profile)

    def _beside(self, batch: int) -> int:
        """What a batch may want at the most beside what is reserved for its tensors."""
        return self._facts(batch).workspace_at(batch) + self._profile.most

    def _largest(self, most: int, room: Callable[[int], int]) -> int:
        """The largest batch up to `most` for which no more is reserved than there is room for, while it is for one more.

        Where to look is found from the large tensors of one step alone.
        """
        if not most:
            return 0
        near = self._guess(most, room)
        while len(self._looked_at) < GUESSES and near not in self._looked_at:
            self._ratio = self._roughly(near) / self._train(2).peak_at(near)
            near = self._guess(most, room)
        for alike in (self._alike, _itself):
            near = largest(most, lambda n: self._roughly(n) <= room(n), near, alike)
        return largest(most, lambda n: self._fits(n, room(n)), near)

    def _guess(self, most: int, room: Callable[[int], int]) -> int:
        """The largest batch that fits if as much more is reserved as the last time."""
        peak = self._train(2).peak_at
        batches = range(1, min(most, sys.maxsize) + 1)
        return bisect_right(batches, 0, key=lambda batch: int(self._ratio * peak(batch)) - room(batch)) or 1

    def _fits(self, batch: int, room: int) -> bool:
        """Whether no more is reserved. One that was looked at may not have to be played."""
        if batch in self._looked_at and self._scaled(self._least(batch), batch) > room:
            return False
        allocator = self._whole.get(batch) or self._play(batch, room)
        return self._scaled(allocator.reserved, batch) <= room

    def _play(self, batch: int, room: int | None = None) -> Allocator:
        """Plays two steps, or what there is room for."""
        facts, traffic = self._part(batch), self._part(batch).simulation.traffic
        limit = None if room is None else room * facts.peak_at(batch) // self._facts(batch).peak_at(batch)
        allocator = Allocator(traffic.sizes_at(batch), expandable=self._expandable, limit=limit)
        for part in traffic.parts:
            allocator.play(part)
            if limit is not None and allocator.reserved > limit:
                return allocator
        self._whole[batch] = allocator
        return allocator

    def _least(self, batch: int) -> int:
        """What is reserved in any case: for large tensors in a first step, and the bytes of small ones of any batch."""
        return self._of_large(batch) + self._fixed(self._known(batch))

    def _of_fixed(self, known: int) -> int:
        """The most bytes at once that are in small tensors of one size for every batch."""
        traffic = self._played(known).simulation.traffic
        return traffic.most_at_once([fixed * (fixed <= MIB and not per_sample) for fixed, per_sample in traffic.kinds])

    def _roughly(self, batch: int) -> int:
        """About what is reserved: in a first step, and for small tensors in proportion to the first batch."""
        if self._small is None:
            self._small = batch, self._in_first_step(batch, are_large=False)
        first, small = self._small
        fixed = self._fixed(self._known(batch))
        small = fixed + (small - fixed) * batch // first
        return self._scaled(small + self._of_large(batch), batch)

    def _of_large(self, batch: int) -> int:
        """What is reserved for large tensors in a first step."""
        if batch not in self._looked_at:
            self._looked_at[batch] = self._in_first_step(batch, are_large=True)
        return self._looked_at[batch]

    def _in_first_step(self, batch: int, *, are_large: bool) -> int:
        """What is reserved for the large tensors or for all others: each have a pool of their own."""
        traffic = self._part(batch).simulation.traffic
        allocator = Allocator(traffic.sizes_at(batch), expandable=self._expandable)
        allocator.play(traffic.first_step(tuple((kind.at(batch) > MIB) == are_large for kind in traffic.kinds)))
        return allocator.reserved

    def _alike(self, batch: int) -> tuple[int, int]:
        """The first and the last of the batches whose tensors take as many pages each of the segments of their own."""
        if self._expandable:
            return batch, batch
        first, last = 1, inf
        for fixed, per_sample in self._part(batch).simulation.traffic.kinds:
            size = fixed + per_sample * batch
            if per_sample and size >= OWN:
                end = -(-size // PAGE) * PAGE - fixed
                first, last = max(first, (end - PAGE) // per_sample + 1), min(last, end // per_sample)
        return (batch, batch) if last == inf else (first, int(last))

    def _scaled(self, taken: int, batch: int) -> int:
        """What all turns take where those that are played take so much."""
        return -(-taken * self._facts(batch).peak_at(batch) // self._part(batch).peak_at(batch))

    def _facts(self, batch: int) -> TrainingFacts:
        return self._train(self._known(batch))

    def _part(self, batch: int) -> TrainingFacts:
        """Those of the turns that are played."""
        return self._played(self._known(batch))

    def _known(self, batch: int) -> int:
        """The batch whose facts are those of another one."""
        return batch if self._train(2).has_pages else min(batch, 2)


def _itself(batch: int) -> tuple[int, int]:
    return batch, batch


def largest(
    most: int, fits: Callable[[int], bool], near: int, alike: Callable[[int], tuple[int, int]] = _itself
) -> int:
    """The largest batch up to `most` that fits while one more does not.

    Args:
        near: where to look first; from there in longer and longer steps.
        alike: the first and the last of the batches of which one fits if another one does.
    """
    low, high, step = 0, most + 1, 1
    while high - low > 1:
        batch = min(max(near, low + 1), high - 1)
        first, last = alike(batch)
        if fits(batch):
            low = min(last, high - 1)
        else:
            high = max(first, low + 1)
        near = low + step if high > most else high - step if not low else (low + high) // 2
        step *= 2
    return low
