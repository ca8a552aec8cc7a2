"""`archdsl run`."""

from __future__ import annotations

import argparse
import sys
from statistics import median

from archdsl.backends.pytorch import OPTIMIZERS, PRECISIONS, Measured, Setting, Step, Trial
from archdsl.cli.progress import watched
from archdsl.cli.targets import (
    UsageProblem,
    add_batch,
    add_settings,
    add_target,
    checked_target,
    positive,
    report_failure,
    require_torch,
)
from archdsl.cli.terminal import is_ascii, width_of, write_lines
from archdsl.pipeline import Checked
from archdsl.reports import Measurement, measured, render_text
from archdsl.source import FileProblem
from archdsl.source.styled import Piece

EPILOG = """\
Runs the network in PyTorch on random data: forward passes or, with --train, steps of training. One pass more is run
first, to compare what archdsl predicted with what PyTorch's tensors hold.

examples:
  archdsl run vgg16 --batch 8
  archdsl run vgg16 --train --steps 10 --optimizer adam
  archdsl run vgg16 --train --device cuda --precision mixed-bfloat16 --memory-format channels_last
"""
MEMORY_FORMATS = ("contiguous_format", "channels_last")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    add_target(parser)
    add_settings(parser)
    add_batch(parser)
    parser.add_argument("--train", action="store_true", help="steps of training: forward, backward and an update")
    parser.add_argument("--steps", metavar="K", type=positive, default=1, help="how many (default: 1)")
    parser.add_argument(
        "--device", metavar="DEVICE", default="", help="cpu, cuda, cuda:1 (default: a GPU if there is one)"
    )
    parser.add_argument("--optimizer", choices=tuple(OPTIMIZERS), default="sgd", help="default: sgd")
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="float32",
        help="the type of all tensors; mixed-*: autocast to that type (default: float32)",
    )
    parser.add_argument(
        "--memory-format", choices=MEMORY_FORMATS, default=MEMORY_FORMATS[0], help="how maps lie in memory"
    )


def run(arguments: argparse.Namespace) -> int:
    try:
        checked = checked_target(arguments)
        return checked if isinstance(checked, int) else _run(checked, arguments)
    except (FileProblem, UsageProblem) as problem:
        return report_failure(problem, arguments.color)


def _run(checked: Checked, arguments: argparse.Namespace) -> int:
    setting = Setting(
        arguments.batch,
        arguments.train,
        arguments.device,
        arguments.precision,
        arguments.memory_format,
        arguments.optimizer,
    )
    require_torch()
    try:
        trial = Trial(checked.facts.network, setting)
        found = trial.measure()
        steps = watched(trial.steps(arguments.steps), arguments.steps, arguments.color)
    except (AssertionError, RuntimeError, ValueError) as error:  # PyTorch asserts that it was built for a device
        raise UsageProblem(f"`{checked.name}` cannot be run: {str(error).splitlines()[0]}") from None
    table = measured(_title(checked.name, trial), _measurements(checked, setting, found), [_summary(steps, setting)])
    write_lines(render_text([table], width_of(sys.stdout, None), is_ascii(sys.stdout, False)), color=arguments.color)
    return 0


def _title(name: str, trial: Trial) -> list[Piece]:
    setting = trial.setting
    what = f"training with {setting.optimizer}" if setting.train else "inference"
    layout = "" if setting.memory_format == MEMORY_FORMATS[0] else f", {setting.memory_format}"
    return [
        Piece(name, "title"),
        Piece(f"   {what}, N = {setting.batch}, {setting.precision}{layout}, on {trial.device_name}", "dim"),
    ]


def _measurements(checked: Checked, setting: Setting, found: Measured) -> list[Measurement]:
    """Bytes are predicted for float32 alone."""
    facts = checked.facts
    cost = facts.cost.training if setting.train else facts.cost.total
    outputs = [o for o in facts.network.outputs if setting.train or not o.training]
    shapes = [
        Measurement(output.name, "shape", output.value.type.shape, shape)
        for output, shape in zip(outputs, found.outputs, strict=True)
    ]
    name = "saved_for_backward" if setting.train else "peak"
    predicted = facts.memory.figure(name).bytes if setting.precision == "float32" else None
    is_peak = not setting.train
    bytes = found.activations + (found.held if is_peak else 0)
    return [
        Measurement("params", "count", cost.params, found.params),
        *shapes,
        Measurement("inference peak" if is_peak else "kept for backward", "bytes", predicted, bytes),
    ]


def _summary(steps: list[Step], setting: Setting) -> str:
    """`10 steps: 0.012 s each, 667 samples a second, loss 2.31 to 2.29`."""
    word = "step" if setting.train else "pass"
    count = f"{len(steps):_} {word}" + ("" if len(steps) == 1 else "s" if setting.train else "es")
    seconds = median(step.seconds for step in steps)
    each = " each" if len(steps) > 1 else ""
    words = f"{count}: {seconds:.3f} s{each}, {setting.batch / seconds:.1f} samples a second"
    losses = [step.loss for step in steps if step.loss is not None]
    return words + (f", loss {losses[0]:.4f}" if losses else "") + (f" to {losses[-1]:.4f}" if len(losses) > 1 else "")
