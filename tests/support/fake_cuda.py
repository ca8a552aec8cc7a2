"""Forward passes on a GPU that is not there: PyTorch's dispatcher and autograd run for real, on tensors without elements.

Fake tensors are the only ones that can be on a device that PyTorch was not built for. What autocast casts, which operators a
composed one consists of and which tensors autograd keeps is decided before any kernel, so it is what a real GPU would do. Not
so attention: which of its kernels runs is asked of the GPU, and here `attend` chooses as PyTorch does on Hopper. Backward asks
for the GPU's streams, and cannot run.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd.graph import saved_tensors_hooks

from archdsl.analyses.memory import TrainingSettings
from archdsl.backends.pytorch import build
from archdsl.ir import Network
from tests.support.steps import inputs, loss_of, target_of

CUDA, META, DEVICES = 1, 14, 21
"""`DeviceType` of `torch/headeronly/core/DeviceType.h`, and how many there are."""


def library(name: str) -> ctypes.CDLL:
    """One of PyTorch's own."""
    return ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / f"{name}.so"))


def guards() -> ctypes.Array[ctypes.c_void_p]:
    """What knows each kind of device, by its number."""
    return (ctypes.c_void_p * DEVICES).in_dll(library("libc10"), "_ZN3c104impl26device_guard_impl_registryE")


@cache
def pretend() -> None:
    """Lets autograd ask what streams CUDA has: it gets the answer of the meta device, which has none."""
    known = guards()
    known[CUDA] = known[META]


def attend(q: Tensor, k: Tensor, v: Tensor, *_: Any, **__: Any) -> Tensor:
    """The memory-efficient kernel, or of half precision the flash kernel: what PyTorch takes where there is no mask
    (`aten/src/ATen/native/transformers/cuda/sdp_utils.cpp`). That of cuDNN keeps as much as the latter."""
    if torch.is_autocast_enabled("cuda"):
        q, k, v = (x.to(torch.get_autocast_dtype("cuda")) for x in (q, k, v))
    if q.dtype == torch.float32:
        return torch.ops.aten._scaled_dot_product_efficient_attention(q, k, v, None, True)[0]
    return torch.ops.aten._scaled_dot_product_flash_attention(q, k, v)[0]


@contextmanager
def kernels() -> Iterator[None]:
    """Those that PyTorch composes of others where it has none for CUDA."""

    def rms_norm(x: Tensor, shape: list[int], *_: Any) -> tuple[Tensor, Tensor]:
        outer = x.shape[: x.dim() - len(shape)]
        return torch.empty_like(x), x.new_empty((*outer, *(1 for _ in shape)), dtype=torch.float32)

    def rms_norm_backward(_g: Tensor, x: Tensor, _s: list[int], _r: Tensor, weight: Tensor | None, *_: Any) -> Any:
        return torch.empty_like(x), None if weight is None else torch.empty_like(weight)

    replaced = torch.library.Library("aten", "IMPL")
    try:
        replaced.impl("silu_backward", lambda gradient, x: torch.empty_like(x), "CUDA")
        replaced.impl("_fused_rms_norm", rms_norm, "CUDA")
        replaced.impl("_fused_rms_norm_backward", rms_norm_backward, "CUDA")
        yield
    finally:
        replaced._destroy()


@contextmanager
def autocast(settings: TrainingSettings) -> Iterator[None]:
    """`torch.autocast` refuses a GPU that is not there."""
    torch.set_autocast_dtype("cuda", getattr(torch, settings.dtype if settings.is_mixed else "bfloat16"))
    torch.set_autocast_enabled("cuda", settings.is_mixed)
    try:
        yield
    finally:
        torch.set_autocast_enabled("cuda", False)
        torch.clear_autocast_cache()


def kept(network: Network, batch: int, settings: TrainingSettings) -> int:
    """Bytes that autograd keeps after the forward pass and the loss, parameters and buffers left out."""
    pretend()
    found: dict[int, torch.UntypedStorage] = {}
    attention = patch.object(torch.nn.functional, "scaled_dot_product_attention", attend)
    with FakeTensorMode(), torch.device("cuda"), attention, kernels():
        module = build(network).train()
        own = {tensor.untyped_storage()._cdata for tensor in (*module.parameters(), *module.buffers())}
        data = inputs(network, batch)
        target = target_of(network, batch, settings)

        def note(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            if tensor.device.type == "cuda" and storage._cdata not in own:
                found[storage._cdata] = storage
            return tensor

        with autocast(settings), saved_tensors_hooks(note, lambda tensor: tensor):
            output = module(*data)
            loss = loss_of(settings, output if isinstance(output, Tensor) else output[0], target)
        assert loss.device.type == "cuda"
        return sum(storage.nbytes() for storage in found.values())
