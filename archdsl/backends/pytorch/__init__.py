"""Network -> PyTorch: `plan` decides, `emit` writes, `build` and `step` run. Torch is imported when something runs."""

from archdsl.backends.pytorch.emit import emit, write
from archdsl.backends.pytorch.plan import Plan, plan
from archdsl.backends.pytorch.run import Step, build, step

__all__ = ["Plan", "Step", "build", "emit", "plan", "step", "write"]
