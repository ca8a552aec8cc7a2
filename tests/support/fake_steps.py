"""Whole training steps on a GPU that is not there: autograd's engine and the optimizers run for real, on fake tensors.

Beside what `tests/support/fake_cuda.py` does, the engine is told of one CUDA device, whose work it hands to a thread of that
device's. It looks for devices once, when a process first runs backward: so this has to be the first to do that.

What no fake tensor shows as a GPU would has a stand-in here: kernels that PyTorch has for CUDA, and composes of others where it
was not built for that; sums in place, which it avoids on subclasses of tensors (`isTensorSubclassLike`); numbers that an
optimizer reads. Not so strides that a kernel of CUDA's chooses itself, or the memory in which a loss is reduced.
"""

from __future__ import annotations

import ctypes
import mmap
import platform
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import cache
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch._prims_common import is_non_overlapping_and_dense_or_false
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from archdsl.analyses.memory import TrainingSettings
from archdsl.backends.pytorch import build, checkpoint
from archdsl.ir import Network
from tests.support.fake_cuda import CUDA, META, attend, autocast, guards, kernels, library
from tests.support.steps import inputs, loss_of, optimizer_of, target_of

POINTER = ctypes.sizeof(ctypes.c_void_p)
CODE = {"x86_64": "b8{}000000 31d2 c3", "aarch64": "{}008052 010080d2 c0035fd6"}
"""A function that returns a small number, and 0 in the second register of a result: a device is its number and its index, a
stream is that and its own number."""
VALUES = {"x86_64": ("00", "01"), "aarch64": ("00", "20")}
GUARD = dict.fromkeys((0, 1, 2, 5, 6, 7, 8, 9), 1)
"""By their places among the virtual functions of `c10/core/impl/DeviceGuardImplInterface.h`: its type, and all that give a
device or a stream."""
HOOKS = {2: 1, 3: 1, 4: 0, 5: 0, 6: 1, 7: 0, 8: 0, 9: 0, 10: 0}
"""The same of `ATen/detail/CUDAHooksInterface.h`: it is built and available, has no context and one device."""
SLOTS = 64


@cache
def pretend() -> tuple[Any, ...]:
    """Adds the device. What is returned must live as long as the process."""
    functions = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    machine, addresses = platform.machine(), []
    start = ctypes.addressof(ctypes.c_char.from_buffer(functions))
    for value in VALUES[machine]:
        addresses.append(start + functions.tell())
        functions.write(bytes.fromhex(CODE[machine].format(value)).ljust(16, b"\0"))
    known = guards()
    guard = _functions_of(known[META], {slot: addresses[value] for slot, value in GUARD.items()})
    device = (ctypes.c_void_p * 2)(ctypes.addressof(guard) + 2 * POINTER, 0)
    known[CUDA] = ctypes.addressof(device)
    get_hooks = library("libtorch_cpu")._ZN2at6detail12getCUDAHooksEv
    get_hooks.restype = ctypes.c_void_p
    hooks = _functions_of(get_hooks(), {slot: addresses[value] for slot, value in HOOKS.items()})
    ctypes.c_void_p.from_address(get_hooks()).value = ctypes.addressof(hooks) + 2 * POINTER
    return functions, guard, device, hooks


def _functions_of(object_: int | None, changed: Mapping[int, int]) -> ctypes.Array[ctypes.c_void_p]:
    """A copy of an object's table of virtual functions, and what stands before it, with others in some places."""
    assert object_ is not None
    start = ctypes.c_void_p.from_address(object_).value
    assert start is not None
    table = (ctypes.c_void_p * SLOTS)(*(ctypes.c_void_p * SLOTS).from_address(start - 2 * POINTER))
    for slot, address in changed.items():
        table[2 + slot] = address
    return table


class Live(TorchDispatchMode):
    """Knows the storages of a device while operators run, and the most bytes that there were at once."""

    def __init__(self) -> None:
        super().__init__()
        self.most = 0
        self.is_backward = False
        self._known: dict[int, tuple[StorageWeakRef, int]] = {}
        self._product: int | None = None
        """The storage of a product of matrices, if that was made last."""

    def bytes(self) -> int:
        for key in [key for key, (storage, _) in self._known.items() if storage.expired()]:
            del self._known[key]
        return sum(size for _, size in self._known.values())

    def note(self, tensor: Any) -> bool:
        """Whether the storage of a tensor is new."""
        if not isinstance(tensor, Tensor) or tensor.device.type != "cuda":
            return False
        storage = tensor.untyped_storage()
        known = self._known.get(storage._cdata)
        if known is not None and not known[0].expired():
            return False
        self._known[storage._cdata] = StorageWeakRef(storage), storage.nbytes()
        return True

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        summed = func is torch.ops.aten.add.Tensor and all(isinstance(x, Tensor) for x in args)
        is_in_place = summed and (self._is_gradient(*args) if self.is_backward else self._is_biased(*args))
        found = func(*args, **(kwargs or {}))
        made = [tensor for tensor in tree_leaves(found) if self.note(tensor)]
        if made:
            if is_in_place:
                self._known.pop(args[0].untyped_storage()._cdata, None)
            is_product = func in (torch.ops.aten.mm.default, torch.ops.aten.bmm.default)
            self._product = made[0].untyped_storage()._cdata if is_product else None
            self.most = max(self.most, self.bytes())
        return found

    def _is_biased(self, x: Tensor, bias: Tensor) -> bool:
        """Whether a sum is the end of a linear layer (`linear` in ATen's `native/Linear.cpp`)."""
        return bias.dim() == 1 and x.untyped_storage()._cdata == self._product

    def _is_gradient(self, *summed: Tensor) -> bool:
        """Whether the engine adds up two gradients, one of which nobody else has (`torch/csrc/autograd/input_buffer.cpp`)."""
        return any(is_non_overlapping_and_dense_or_false(x) and _holders(x) == 1 for x in summed)


def _holders(tensor: Tensor) -> int:
    storage = tensor.untyped_storage()
    return int(torch._C._storage_Use_Count(storage._cdata)) - 1  # that name is one too


def peak(network: Network, batch: int, settings: TrainingSettings) -> int:
    """The most bytes at once of all tensors on the device in the second step, in float32 or with CUDA's autocast."""
    assert settings.parameter_dtype == "float32" and not settings.freeze
    pretend()
    live = Live()
    with ExitStack() as stack:
        stack.enter_context(patch.object(torch.nn.functional, "scaled_dot_product_attention", attend))
        stack.enter_context(patch("torch.optim.adam._get_value", lambda number: 1.0))
        stack.enter_context(kernels())
        stack.enter_context(FakeTensorMode())
        with torch.device("cuda"):
            module = build(network).train()
            checkpoint(module, *settings.checkpoint)
            data, target = inputs(network, batch), target_of(network, batch, settings)
        optimizer = optimizer_of(settings, list(module.parameters()))
        stack.enter_context(live)
        for tensor in (*module.parameters(), *module.buffers(), *data, target):
            live.note(tensor)

        def step() -> None:
            with torch.device("cuda"), autocast(settings):
                output = module(*data)
                loss = loss_of(settings, output if isinstance(output, Tensor) else output[0], target)
            if settings.zero_grad == "late":
                optimizer.zero_grad()
            live.is_backward = True
            loss.backward()
            live.is_backward = False
            optimizer.step()

        for _ in range(2):
            if settings.zero_grad == "early":
                optimizer.zero_grad()
            live.most = live.bytes()
            step()
    return live.most
