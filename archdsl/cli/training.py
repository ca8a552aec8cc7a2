"""The options that say how a network is trained."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from archdsl.cli.targets import UsageProblem, positive

if TYPE_CHECKING:
    from archdsl.analyses.memory import Arithmetic, TrainingSettings

OPTIMIZERS = (
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
)
IMPLEMENTATIONS = ("for-loop", "foreach", "fused")
AUTOCASTS = ("cuda", "cpu")
PRECISIONS = ("float32", "bfloat16", "float16", "bf16-mixed", "fp16-mixed")
LOSSES = ("cross-entropy", "mse", "none")
ZERO_GRAD = ("early", "late", "never")


def add_training(parser: argparse.ArgumentParser, *, is_optional: bool = True, has_devices: bool = False) -> None:
    """The options; where training is optional, `--train` asks for it. `has_devices` is for commands with `--on`."""
    group = parser.add_argument_group("training")
    if is_optional:
        group.add_argument("--train", action="store_true", help="memory: of a training step too")
    group.add_argument(
        "--optimizer",
        type=str.lower,
        choices=OPTIMIZERS,
        metavar="NAME",
        help=f"{', '.join(OPTIMIZERS)} (default: sgd)",
    )
    group.add_argument("--weight-decay", action="store_true", help="the optimizer decays weights")
    usual = "for-loop" if is_optional else "foreach, as on a GPU"
    group.add_argument("--implementation", choices=IMPLEMENTATIONS, help=f"of the optimizer (default: {usual})")
    choices = (*PRECISIONS, "tf32") if has_devices else PRECISIONS
    also = "; tf32 with --on" if has_devices else ""
    group.add_argument("--precision", choices=choices, help=f"of all, or with autocast{also} (default: float32)")
    group.add_argument("--autocast", choices=AUTOCASTS, help="whose, of a mixed precision (default: cuda)")
    group.add_argument(
        "--loss", choices=LOSSES, help="of the first output (default: cross-entropy; mse of a single number)"
    )
    group.add_argument(
        "--zero-grad",
        choices=ZERO_GRAD,
        help="before forward, after it, or never: gradients are added up (default: early)",
    )
    group.add_argument(
        "--accumulate",
        type=positive,
        metavar="K",
        help="add up the gradients of K passes, each of a batch, before the optimizer's step (default: 1)",
    )
    group.add_argument(
        "--checkpoint",
        action="append",
        metavar="PATH",
        help="keep only the inputs of what is there for backward, which runs it again: 'layer*.*' is each block of a ResNet",
    )
    group.add_argument("--freeze", action="append", metavar="PATH", help="do not train what is there; PATH may have *")


def arithmetic_of(arguments: argparse.Namespace) -> Arithmetic:
    """In what a network computes where it infers and no training is asked for."""
    from archdsl.analyses import memory

    if arguments.train:
        return memory.Arithmetic()
    return memory.arithmetic_of(arguments.precision or "float32", arguments.autocast or "cuda")


def settings_given(arguments: argparse.Namespace) -> dict[str, Any]:
    """The settings that a command line has, by name."""
    from archdsl.analyses.memory import TrainingSettings

    return {name: value for name in TrainingSettings._fields if (value := getattr(arguments, name))}


def training_of(arguments: argparse.Namespace) -> TrainingSettings | None:
    """The settings; None where no training is asked for. Raises `UsageProblem` and `OptionProblem`."""
    from archdsl.analyses.memory import check_autocast, settings_of

    given = settings_given(arguments)
    if given.get("precision") == "tf32" and (arguments.train or not arguments.on):
        raise UsageProblem("`--precision tf32` goes with `--on`; of memory it is float32")
    if not arguments.train:
        precision, autocast = given.pop("precision", "float32"), given.pop("autocast", None)  # inference has them too
        check_autocast(precision, autocast)
        if given:
            raise UsageProblem(f"`--{next(iter(given)).replace('_', '-')}` says how to train: add `--train`")
        return None
    return settings_of(given)
