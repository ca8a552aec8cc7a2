"""Network -> PyTorch: `plan` decides, `emit` writes, `build` and `step` run. Torch is imported when something runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archdsl.backends.pytorch.emit import emit, write
from archdsl.backends.pytorch.plan import Plan, plan
from archdsl.backends.pytorch.run import Step, build, step

if TYPE_CHECKING:
    import torch
    from torch import nn

    Device = torch.device | str
    ElementType = torch.dtype
    TorchModule = nn.Module

__all__ = ["Plan", "Step", "build", "emit", "plan", "step", "write"]
