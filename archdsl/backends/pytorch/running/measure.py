"""Bytes that PyTorch's tensors really hold while a module runs: alive at the most, and kept for backward."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from archdsl.backends.pytorch.running.allocations import MARK, peaks

if TYPE_CHECKING:
    from torch import Tensor, nn


class _Live:
    """Bytes of the storages that were made and that nobody has dropped yet: now, and at their most."""

    def __init__(self, known: tuple[Tensor, ...]) -> None:
        self.now = self.most = 0
        self._known = {t.untyped_storage()._cdata for t in known}

    def note(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage._cdata not in self._known:
            self._known.add(storage._cdata)
            self.now += storage.nbytes()
            self.most = max(self.most, self.now)
            weakref.finalize(storage, self._drop, storage._cdata, storage.nbytes())

    def _drop(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.now -= size


class _Kept:
    """The storage of a tensor that an operator keeps, for as long as the operator is there."""

    def __init__(self, tensor: Tensor) -> None:
        self.storage = tensor.untyped_storage()


def activation_peak(module: nn.Module, *inputs: Tensor) -> int:
    """The most bytes that a pass without gradients holds beside parameters, buffers and inputs.

    What a kernel makes inside itself is not seen. On the meta device nothing is allocated: there the tensors are counted that a
    mode sees, in whose presence PyTorch takes other kernels for some operators.
    """
    import torch

    if any(x.is_meta for x in (*inputs, *module.parameters())):
        return _noted_peak(module, *inputs)
    results = []

    def run() -> None:
        with torch.profiler.record_function(f"{MARK}inference"), torch.no_grad():
            results.append(module(*inputs))

    return peaks(run, 0)["inference"]


def _noted_peak(module: nn.Module, *inputs: Tensor) -> int:
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    live = _Live((*inputs, *module.parameters(), *module.buffers()))

    class Noting(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            made = func(*args, **(kwargs or {}))
            for tensor in made if isinstance(made, tuple | list) else (made,):
                if isinstance(tensor, torch.Tensor):
                    live.note(tensor)
            return made

    with torch.no_grad(), Noting():  # type: ignore[no-untyped-call]
        module(*inputs)
    return live.most


def saved_bytes(module: nn.Module, *inputs: Tensor, target: Tensor | None = None) -> int:
    """The bytes that autograd holds after a forward pass, parameters and buffers left out.

    With a target, the mean cross entropy of the result belongs to the pass. The meta device keeps what a CPU does.
    """
    import torch
    from torch.autograd.graph import saved_tensors_hooks
    from torch.nn.functional import cross_entropy

    kept: weakref.WeakSet[_Kept] = weakref.WeakSet()

    def note(tensor: Tensor) -> _Kept:
        found = _Kept(tensor)
        kept.add(found)
        return found

    with saved_tensors_hooks(note, lambda _: torch.empty(0)):
        found = module(*inputs)
        loss = None if target is None else cross_entropy(found, target)
    storages = {k.storage._cdata: k.storage.nbytes() for k in kept}
    del found, loss  # which hold all of it
    own = {t.untyped_storage()._cdata for t in (*module.parameters(), *module.buffers())}
    return sum(bytes for key, bytes in storages.items() if key not in own)
