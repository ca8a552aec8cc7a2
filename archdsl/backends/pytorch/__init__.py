"""Network -> PyTorch: `plan` decides, `emit` writes, `run` executes. Only `run` needs torch, and only when it runs."""

from archdsl.backends.pytorch.emit import emit
from archdsl.backends.pytorch.plan import Plan, plan

__all__ = ["Plan", "emit", "plan"]
