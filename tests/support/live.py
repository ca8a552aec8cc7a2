"""Bytes that PyTorch's tensors really hold, in inference and while training."""

from __future__ import annotations

from torch import Tensor, nn

from archdsl.backends.pytorch.running import measure


def activation_peak(module: nn.Module, *inputs: Tensor) -> int:
    return measure.activation_peak(module.eval(), *inputs)


def saved_bytes(module: nn.Module, *inputs: Tensor, target: Tensor | None = None) -> int:
    return measure.saved_bytes(module.train(), *inputs, target=target)
