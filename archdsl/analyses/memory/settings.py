"""How a network is trained, as far as memory depends on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from archdsl.analyses.memory.size import FloatType
from archdsl.analyses.options import OptionProblem, Paths, Positive, options_of

Phase = Literal["zero_grad", "forward", "loss", "backward", "optimizer"]
PHASES: dict[Phase, str] = {
    "zero_grad": "zero_grad",
    "forward": "forward",
    "loss": "the loss",
    "backward": "backward",
    "optimizer": "the optimizer's step",
}
"""The phases of a step, in order, as people call them."""
OptimizerName = Literal[
    "sgd",
    "momentum",
    "nesterov",
    "adam",
    "adamw",
    "adam-amsgrad",
    "adamw-amsgrad",
    "rmsprop",
    "rmsprop-momentum",
    "rmsprop-centered",
    "rmsprop-centered-momentum",
    "adagrad",
]
Implementation = Literal["for-loop", "foreach", "fused"]
Kernels = Literal["cpu", "cuda"]
"""Whose operators run: some keep other tensors on a GPU."""
Precision = Literal["float32", "bfloat16", "float16", "bf16-mixed", "fp16-mixed"]
MIXED: dict[str, FloatType] = {"bf16-mixed": "bfloat16", "fp16-mixed": "float16"}
"""The type that autocast lowers to, by the names of mixed precisions."""
CUDA_AUTOCAST = ("CUDA's autocast",)
"""What figures with it are an estimate for."""
PLAIN: dict[str, FloatType] = {"float32": "float32", "bfloat16": "bfloat16", "float16": "float16"}
"""The type that all is in, by the names of the others."""
LossName = Literal["cross-entropy", "mse", "none"]
Autocaster = Literal["cuda", "cpu"]
"""Whose autocast: its lists say which operators run in lower precision and which in float32."""


class Arithmetic(NamedTuple):
    """In what a network computes with floating-point numbers."""

    precision: Precision = "float32"
    """All in one type, or with autocast: parameters in float32, and operators as its lists say."""
    autocast: Autocaster = "cuda"

    @property
    def is_mixed(self) -> bool:
        return self.precision in MIXED

    @property
    def dtype(self) -> FloatType:
        """The type of all, or the one that autocast lowers to."""
        return {**PLAIN, **MIXED}[self.precision]

    @property
    def parameter_dtype(self) -> FloatType:
        """The type of parameters, inputs, gradients and state."""
        return PLAIN.get(self.precision, "float32")

    @property
    def is_estimate(self) -> bool:
        """Whether bytes are an estimate in any case: those with CUDA's autocast."""
        return self.is_mixed and self.autocast == "cuda"

    def __str__(self) -> str:
        return self.precision + (" by a CPU's autocast" if self.is_mixed and self.autocast == "cpu" else "")


class TrainingSettings(NamedTuple):
    """The settings of a training step; defaults are PyTorch's on a CPU."""

    optimizer: OptimizerName = "sgd"
    weight_decay: bool = False
    implementation: Implementation = "for-loop"
    loss: LossName = "cross-entropy"
    """Mean cross entropy over axis 0 of the first output, mean squared error to a target like it, or its sum. Of an output
    of one number for each sample, which has no axis of classes, cross entropy stands for the squared error."""
    zero_grad: Literal["early", "late", "never"] = "early"
    """Gradients of the last step are freed before forward, after it, or (gradient accumulation) added to."""
    precision: Precision = "float32"
    autocast: Autocaster = "cuda"
    """As `Arithmetic` has them."""
    freeze: Paths = ()
    """Paths, as `features.*`, of parameters that are not trained."""
    accumulate: Positive = 1
    """Passes of forward and backward, each of its own batch, whose gradients are added up before the optimizer's step."""

    checkpoint: Paths = ()
    """Paths, as `layer*.*`, of modules that keep only their inputs for backward, which runs them again."""

    @property
    def adds_up(self) -> bool:
        """Whether a pass finds gradients to add to, as all but the first of a step do."""
        return self.accumulate > 1 or self.zero_grad == "never"

    @property
    def arithmetic(self) -> Arithmetic:
        return Arithmetic(self.precision, self.autocast)

    @property
    def is_mixed(self) -> bool:
        return self.arithmetic.is_mixed

    @property
    def dtype(self) -> FloatType:
        return self.arithmetic.dtype

    @property
    def parameter_dtype(self) -> FloatType:
        return self.arithmetic.parameter_dtype


def arithmetic_of(precision: str, autocast: str = "cuda") -> Arithmetic:
    """Raises `OptionProblem` for a precision that there is not, and for another autocast."""
    return options_of(Arithmetic, {"precision": precision, "autocast": autocast}, "setting")


def check_autocast(precision: str, autocast: str | None) -> None:
    """Raises `OptionProblem` where an autocast is asked for, and the precision is not mixed."""
    if autocast is not None and precision not in MIXED:
        raise OptionProblem("autocast", "says whose, of a mixed precision", "precision bf16-mixed")


def settings_in(arithmetic: Arithmetic) -> TrainingSettings:
    """PyTorch's defaults for a step that computes so."""
    return TrainingSettings(precision=arithmetic.precision, autocast=arithmetic.autocast)


def settings_of(given: Mapping[str, Any]) -> TrainingSettings:
    """Settings by name. Raises `ValueError` for one that there is not, or a value that it does not take."""
    settings = options_of(TrainingSettings, given, "setting")
    if settings.implementation == "fused" and settings.optimizer.startswith("rmsprop"):
        raise OptionProblem("implementation", "is fused, and PyTorch has no fused RMSprop")
    return settings


def settings_on_gpu(given: Mapping[str, Any]) -> TrainingSettings:
    """The same with the implementation of optimizers that PyTorch takes on a GPU, unless another is given."""
    return settings_of({"implementation": "foreach", **given})
