"""Bytes that PyTorch's tensors really hold, measured: alive at the most, and kept for backward."""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode


class Live(TorchDispatchMode):
    """Bytes of the storages that operators have made and nobody has dropped yet: now, and at their most.

    Storages that were there before are not counted. What a kernel makes inside itself is not seen.
    """

    def __init__(self, *known: Tensor) -> None:
        super().__init__()
        self.now = self.most = 0
        self._known = {t.untyped_storage()._cdata for t in known}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, tuple | list) else (made,):
            if isinstance(tensor, Tensor):
                self._note(tensor)
        self.most = max(self.most, self.now)
        return made

    def _note(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage._cdata not in self._known:
            self._known.add(storage._cdata)
            self.now += storage.nbytes()
            weakref.finalize(storage, self._drop, storage._cdata, storage.nbytes())

    def _drop(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.now -= size


def activation_peak(module: nn.Module, *inputs: Tensor) -> int:
    """The most that a pass without gradients holds beside parameters, buffers and inputs."""
    module.eval()
    with torch.no_grad(), Live(*inputs, *module.parameters(), *module.buffers()) as live:
        module(*inputs)
    return live.most


def saved_bytes(module: nn.Module, *inputs: Tensor, target: Tensor | None = None) -> int:
    """What autograd holds after a forward pass in training mode, parameters and buffers left out.

    With a target, the mean cross entropy of the result belongs to the pass.
    """
    module.train()
    storages: dict[int, Any] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage  # held, so that no address is used twice
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        found = module(*inputs)
        if target is not None:
            nn.functional.cross_entropy(found, target)
    own = {t.untyped_storage().data_ptr() for t in (*module.parameters(), *module.buffers())}
    return sum(storage.nbytes() for address, storage in storages.items() if address not in own)
