"""The largest batch that fits into a device's memory.

Tensor bytes are lines `a + b N`, so what they allow is exact. What a GPU takes on top is a band, from PyTorch's sources and
documents: it has not been measured on a device here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from archdsl.analyses.memory.allocator import KIB, MIB, Allocator
from archdsl.analyses.memory.size import Size, Stands, of_type
from archdsl.analyses.memory.training import TrainingFacts, largest_batch
from archdsl.ir import Network, TensorType, flatten


class Band(NamedTuple):
    """Bytes, at the least and at the most."""

    least: int
    most: int


CONTEXT = Band(400 * MIB, 600 * MIB)
"""The CUDA context, outside the allocator: about 400 MB from CUDA 11.7 on (pytorch issue 109888), more with more libraries."""
CUBLAS = Band(2 * 8320 * KIB, 2 * 32 * MIB)
"""Workspaces of cuBLAS for the threads of forward and backward: 8,519,680 bytes each, from Hopper on 32 MiB
(`aten/src/ATen/cuda/CublasHandlePool.cpp`)."""
HISTORY = 1.1
"""How much more than the model the allocator may reserve, since that depends on all that came before. An assumption."""


class Need(NamedTuple):
    """What a batch needs on a GPU."""

    batch: int
    tensors: int
    """The peak of tensor bytes."""
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


LARGEST = 2**24
"""No larger batch is looked for."""


def fit(network: Network, train: Callable[[int], TrainingFacts], memory: int) -> FitFacts:
    """The largest batches of a training step.

    Args:
        train: the facts of a step for a batch.
    """
    several, alone = train(2), train(1)
    workspace = _workspace(network, several)

    def need(batch: int) -> Need:
        facts = several if batch > 1 else alone
        return Need(
            batch, facts.peak_at(batch), reserved(facts, batch), max((w.at(batch) for w in workspace), default=0)
        )

    tensors = largest_batch(several.lines, memory)
    if tensors is not None and tensors < 2:
        tensors = int(alone.peak <= memory)
    most = LARGEST if tensors is None else min(tensors, LARGEST)
    likely = _largest(most, lambda n: need(n).likely <= memory)
    certain = _largest(likely, lambda n: need(n).certain <= memory)
    found = [need(n) if n else None for n in (likely, certain)]
    return FitFacts(memory, tensors, found[0], found[1], need(2 * likely or 1), several.status)


def _largest(most: int, fits: Callable[[int], bool]) -> int:
    """The largest number up to `most` for which it holds, as far as it holds for all smaller ones."""
    low, high = 0, most + 1
    while high - low > 1:
        middle = (low + high) // 2
        if fits(middle):
            low = middle
        else:
            high = middle
    return low


def reserved(facts: TrainingFacts, batch: int) -> int:
    """What the model of the allocator holds after two steps."""
    allocator = Allocator()
    for size in facts.tensors_held:
        allocator.allocate(size.at(batch))
    places: dict[int, tuple[int, int]] = {}
    for _ in range(2):
        for number, (size, is_made) in facts.traffic:
            if is_made:
                bytes = size.at(batch)
                places[number] = (allocator.allocate(bytes), bytes)
            elif number in places:
                allocator.free(*places.pop(number))
    return allocator.reserved


def _workspace(network: Network, facts: TrainingFacts) -> list[Size]:
    """For each convolution the bytes of what it reads, its weights and what it makes."""
    dtype = facts.settings.dtype
    stands = Stands(dtype, dtype)
    found = []
    for layer in flatten(network, training=True).layers:
        if layer.op.category == "conv":
            weights = (TensorType(s.shape, batched=False) for s in layer.op.state(*layer.operand_types))
            sizes = [of_type(t, stands) for t in (*layer.operand_types, *layer.result_types, *weights)]
            found.append(Size(sum(s.fixed for s in sizes), sum(s.per_sample for s in sizes)))
    return found
