"""Network -> PyTorch: `plan` decides, `emit` writes, `build` makes a module, a `Trial` runs one. Torch is imported then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archdsl.backends.pytorch.build import build
from archdsl.backends.pytorch.emit import emit, write
from archdsl.backends.pytorch.plan import Plan, plan
from archdsl.backends.pytorch.trial import OPTIMIZERS, PRECISIONS, Measured, Setting, Step, Trial

if TYPE_CHECKING:
    import torch
    from torch import nn

    Device = torch.device | str
    ElementType = torch.dtype
    MemoryFormat = torch.memory_format
    TorchModule = nn.Module

__all__ = ["OPTIMIZERS", "PRECISIONS", "Measured", "Plan", "Setting", "Step", "Trial", "build", "emit", "plan", "write"]
