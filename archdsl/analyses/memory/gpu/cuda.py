"""What a training step takes on a GPU: `torch.cuda.max_memory_allocated` and `max_memory_reserved`, as bands.

The tensors are those that CUDA's operators make (`Op.on_cuda`), played through a model of the caching allocator. What kernels
take besides is known only as a band, from PyTorch's sources and documents. None of it was measured on a GPU.
"""

from __future__ import annotations

from itertools import accumulate, chain
from typing import NamedTuple

from archdsl.analyses.memory.gpu.allocator import KIB, MIB, Allocator
from archdsl.analyses.memory.training import TrainingFacts


class Band(NamedTuple):
    """Bytes, at the least and at the most."""

    least: int
    most: int


CONTEXT = Band(400 * MIB, 600 * MIB)
"""The CUDA context, outside the allocator: about 400 MB from CUDA 11.7 on (pytorch issue 109888), more with more libraries."""
SMALL_WORKSPACE, LARGE_WORKSPACE = 8320 * KIB, 32 * MIB
HOPPER = 9
"""The compute capability from which on cuBLAS gets a large workspace."""
LT_WORKSPACE = MIB
"""Of cuBLASLt, where it does not share that of cuBLAS."""
THREADS = 2
"""Forward and backward are two threads, each with workspaces of its own."""
HISTORY = 1.1
"""How much more than the model the allocator may reserve, since that depends on all that came before. An assumption."""


class Profile(NamedTuple):
    """What is taken beside tensors, and beside the workspaces of convolutions, which nobody can foretell."""

    cublas: Band
    """Workspaces: 8,519,680 bytes a thread, 32 MiB for Hopper and Blackwell, and at the most 1 MiB more for cuBLASLt
    (`parseChosenWorkspaceSize` in `aten/src/ATen/cuda/CublasHandlePool.cpp`, `CUDABlas.cpp`). They stay once a product of
    matrices was computed; later versions of PyTorch take them for each call."""
    context: Band = CONTEXT

    @property
    def least(self) -> int:
        return self.cublas.least + self.context.least

    @property
    def most(self) -> int:
        return self.cublas.most + self.context.most


def profile_of(capability: int | None) -> Profile:
    """The profile of GPUs of a compute capability, of which the first number is given; None for any GPU.

    >>> profile_of(9).cublas.least, profile_of(8).cublas.least
    (67108864, 17039360)
    """
    sizes = [SMALL_WORKSPACE, LARGE_WORKSPACE]
    if capability is not None:
        sizes = [LARGE_WORKSPACE if capability >= HOPPER else SMALL_WORKSPACE]
    return Profile(Band(THREADS * min(sizes), THREADS * (max(sizes) + LT_WORKSPACE)))


ANY = profile_of(None)
"""Of a GPU that was not named."""


class Taken(NamedTuple):
    """What the model of the allocator holds at the most, in two steps."""

    requested: int
    """Bytes that tensors ask for, as `requested_bytes` of `torch.cuda.memory_stats` counts them."""
    allocated: int
    """In blocks, which are rounded up."""
    reserved: int
    """In segments taken from the driver."""


class CudaFacts(NamedTuple):
    """A step on a GPU."""

    native: Taken
    expandable: Taken
    """With `PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True`."""
    workspace: int
    """The most that a convolution may want besides: copies in another order of what it reads, its weights, what it makes. An
    assumption: cuDNN chooses, and PyTorch sets it no bound. Attention may want as much in float32, for its gradients."""
    profile: Profile

    @property
    def allocated(self) -> Band:
        """At the least tensors; at the most with workspaces of cuBLAS, and that of the largest convolution at the peak."""
        least = min(self.native.allocated, self.expandable.allocated)
        return Band(least, self.native.allocated + self.profile.cublas.most + self.workspace)

    @property
    def reserved(self) -> Band:
        least = min(self.native.reserved, self.expandable.reserved)
        return Band(least, int(HISTORY * self.native.reserved) + self.profile.cublas.most + self.workspace)


def cuda(facts: TrainingFacts, profile: Profile = ANY) -> CudaFacts:
    """What a step takes on a GPU, of one that was played with its kernels and with all turns of loops."""
    native, expandable = (taken(facts, facts.batch, expandable=mode) for mode in (False, True))
    return CudaFacts(native, expandable, facts.workspace_at(facts.batch), profile)


def taken(facts: TrainingFacts, batch: int, *, expandable: bool = False) -> Taken:
    """What two steps take."""
    traffic = facts.simulation.traffic
    sizes, events = traffic.sizes_at(batch), [*chain.from_iterable(traffic.parts)]
    allocator = Allocator(sizes, expandable=expandable)
    allocator.play(events)
    asked = accumulate(sizes[event] if event >= 0 else -sizes[~event] for event in events)
    return Taken(max(asked), allocator.most_allocated, allocator.reserved)
