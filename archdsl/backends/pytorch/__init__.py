"""Network -> PyTorch. `code` plans and writes the source; `running` builds a module of it and runs one; `verify` compares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archdsl.backends.pytorch.code.emit import emit, source
from archdsl.backends.pytorch.code.initialisers import INITIALISERS
from archdsl.backends.pytorch.running.build import build, fold
from archdsl.backends.pytorch.running.effective import EffectiveField, effective_field
from archdsl.backends.pytorch.running.export import dynamic_shapes
from archdsl.backends.pytorch.running.recompute import checkpoint
from archdsl.backends.pytorch.running.trial import OPTIMIZERS, PRECISIONS, Measured, Setting, Step, Trial, loss_name
from archdsl.backends.pytorch.running.tuning import freeze, frozen_by, parameter_groups
from archdsl.backends.pytorch.running.weights import (
    WeightsFileError,
    WeightsMismatch,
    apart,
    fitting_weights,
    load_weights,
    read_weights,
    stored,
)

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    Device = torch.device | str
    ElementType = torch.dtype
    MemoryFormat = torch.memory_format
    TorchModule = nn.Module
    TorchTensor = Tensor

__all__ = [
    "INITIALISERS",
    "OPTIMIZERS",
    "PRECISIONS",
    "EffectiveField",
    "Measured",
    "Setting",
    "Step",
    "Trial",
    "WeightsFileError",
    "WeightsMismatch",
    "apart",
    "build",
    "checkpoint",
    "dynamic_shapes",
    "effective_field",
    "emit",
    "fitting_weights",
    "fold",
    "freeze",
    "frozen_by",
    "load_weights",
    "loss_name",
    "parameter_groups",
    "read_weights",
    "source",
    "stored",
]
