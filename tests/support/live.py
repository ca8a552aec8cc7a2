"""Bytes that PyTorch's tensors really hold, in inference and while training."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from archdsl.backends.pytorch import build
from archdsl.backends.pytorch.running import measure
from archdsl.ir import Network
from tests.support.steps import inputs


def activation_peak(module: nn.Module, *inputs: Tensor) -> int:
    return measure.activation_peak(module.eval(), *inputs)


def saved_bytes(module: nn.Module, *inputs: Tensor, target: Tensor | None = None) -> int:
    return measure.saved_bytes(module.train(), *inputs, target=target)


def in_half(network: Network, batch: int, dtype: str) -> tuple[int, int]:
    """Of a module that is in some type as a whole: parameters and buffers, and the activation peak of inference."""
    module = build(network).to(getattr(torch, dtype))
    held = sum(tensor.nbytes for tensor in (*module.parameters(), *module.buffers()))
    return held, activation_peak(module, *in_type(inputs(network, batch), dtype))


def under_autocast(network: Network, batch: int, dtype: str) -> tuple[int, int]:
    """Of a module in float32 under a CPU's autocast: the activation peak of inference, and what is kept for backward."""
    module, given = build(network), inputs(network, batch)
    with torch.autocast("cpu", getattr(torch, dtype)):
        return activation_peak(module, *given), saved_bytes(module, *given)


def in_type(given: list[Tensor], dtype: str) -> list[Tensor]:
    """The same, with another type for float32."""
    return [x.to(getattr(torch, dtype)) if x.dtype == torch.float32 else x for x in given]
