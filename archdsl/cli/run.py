"""`archdsl run`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from statistics import median
from typing import TYPE_CHECKING, Any

from archdsl.analyses.weights import PathError, covering
from archdsl.backends.pytorch import (
    OPTIMIZERS,
    PRECISIONS,
    Measured,
    Setting,
    Step,
    Trial,
    WeightsMismatch,
    checkpoint,
    freeze,
    frozen_by,
    load_weights,
    loss_name,
)
from archdsl.cli.progress import watched
from archdsl.cli.tables import print_mismatch, print_table
from archdsl.cli.targets import (
    UsageProblem,
    add_batch,
    add_settings,
    add_target,
    add_weights,
    checked_target,
    positive,
    refuse_lone_skip,
    require_device,
    require_torch,
)
from archdsl.ir import Network
from archdsl.pipeline import Checked, subject_of
from archdsl.reports import Measurement, measured
from archdsl.source import first_line
from archdsl.source.styled import Piece

if TYPE_CHECKING:
    from archdsl.analyses import Facts
    from archdsl.analyses.memory import Arithmetic, TrainingSettings

EPILOG = """\
Runs the network in PyTorch on random data: forward passes or, with --train, steps of training. One pass more is run
first, to compare what archdsl predicted with what PyTorch's tensors hold.

examples:
  archdsl run vgg16 --batch 8
  archdsl run vgg16 --train --steps 10 --optimizer adam
  archdsl run vgg16 --train --device cuda --precision bf16-mixed --memory-format channels_last
  archdsl run vgg16 --train --set classes=10 --weights vgg16.safetensors --skip classifier.6 --freeze features
"""
MEMORY_FORMATS = ("contiguous_format", "channels_last")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    add_target(parser)
    add_settings(parser)
    add_batch(parser)
    add_weights(parser)
    parser.add_argument("--train", action="store_true", help="steps of training: forward, backward and an update")
    parser.add_argument("--steps", metavar="K", type=positive, default=1, help="how many (default: 1)")
    parser.add_argument(
        "--device", metavar="DEVICE", default="", help="cpu, cuda, cuda:1 (default: a GPU if there is one)"
    )
    parser.add_argument(
        "--optimizer",
        choices=tuple(OPTIMIZERS),
        default="sgd",
        metavar="NAME",
        help=f"{', '.join(OPTIMIZERS)} (default: sgd)",
    )
    parser.add_argument(
        "--precision", choices=PRECISIONS, default="float32", help="of all tensors, or with autocast (default: float32)"
    )
    parser.add_argument(
        "--memory-format", choices=MEMORY_FORMATS, default=MEMORY_FORMATS[0], help="how maps lie in memory"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    _add_tuning(parser)


def _add_tuning(parser: argparse.ArgumentParser) -> None:
    """PATH may have wildcards, and means all below it."""
    for option, words in (
        ("--freeze", "train nothing of it"),
        ("--freeze-all-but", "train only this: a linear probe"),
        ("--checkpoint", "keep only its inputs for backward, which runs it again: 'layer*.*'"),
    ):
        parser.add_argument(option, metavar="PATH", action="append", default=[], help=f"{words}; may be repeated")
    parser.add_argument("--freeze-up-to", metavar="PATH", help="train nothing of it and of what stands before it")
    parser.add_argument("--lr", metavar="RATE", type=_rate, help="the learning rate")
    parser.add_argument(
        "--lr-of",
        metavar="PATH=RATE",
        type=_rate_of,
        action="append",
        default=[],
        help="the learning rate of a part: features=1e-4; may be repeated",
    )


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not 0 <= rate < float("inf"):
        raise argparse.ArgumentTypeError(f"`{text}` is no learning rate")
    return rate


def _rate_of(text: str) -> tuple[str, float]:
    path, equals, rate = text.rpartition("=")
    if not equals or not path:
        raise argparse.ArgumentTypeError(f"`{text}` is not PATH=RATE, as features=1e-4")
    return path, _rate(rate)


def run(arguments: argparse.Namespace) -> int:
    checked = checked_target(arguments)
    _refuse_without_effect(arguments)
    setting = Setting(
        arguments.batch,
        arguments.train,
        arguments.device,
        arguments.precision,
        arguments.memory_format,
        arguments.optimizer,
    )
    require_torch()
    if setting.device:
        require_device(setting.device)
    try:
        trial = _prepared(checked.facts.network, setting, arguments)
        found = trial.measure()
        peak = trial.training_peak() if setting.train and trial.device.type == "cpu" else None
        steps = trial.steps(arguments.steps, arguments.lr, dict(arguments.lr_of))
        done = watched(steps, arguments.steps, arguments.color)
    except WeightsMismatch as mismatch:
        return print_mismatch(checked.name, mismatch, arguments.color)
    except PathError:
        raise
    except (AssertionError, RuntimeError, ValueError) as error:  # PyTorch asserts that it was built for a device
        raise UsageProblem(f"`{checked.name}` cannot be run: {first_line(error)}") from None
    arithmetic = _arithmetic(trial)
    settings = None if arithmetic is None else _settings(checked.facts.network, trial, arithmetic, arguments)
    figures = [*_counts(checked, setting, found), _held(checked.facts, setting, settings, found)]
    if peak is not None:
        figures.append(_peak(checked.facts, settings, peak))
    if arguments.format == "json":
        print(_json(checked.name, trial, figures, done))
        return 0
    notes = [
        *_not_predicted(checked.facts.network, setting, is_predicted=settings is not None),
        _summary(done, setting),
    ]
    print_table(measured(_title(checked, trial), figures, notes), arguments.color)
    return 0


def _refuse_without_effect(arguments: argparse.Namespace) -> None:
    """Raises `UsageProblem` for an option that does nothing without another one."""
    refuse_lone_skip(arguments)
    for option in ("freeze", "freeze_all_but", "freeze_up_to", "checkpoint", "lr", "lr_of"):
        if getattr(arguments, option) not in ([], None) and not arguments.train:
            raise UsageProblem(f"`--{option.replace('_', '-')}` is for training: give `--train` too")


def _prepared(network: Network, setting: Setting, arguments: argparse.Namespace) -> Trial:
    """The network with its weights, and with what is frozen and run twice. Raises `ValueError` or `RuntimeError`."""
    trial = Trial(network, setting)
    if arguments.weights is not None:
        load_weights(trial.module, arguments.weights, skip=arguments.skip)
    freeze(trial.module, *arguments.freeze, up_to=arguments.freeze_up_to, all_but=arguments.freeze_all_but)
    trial.module.train(setting.train)  # as the memory of a step is told, what is frozen trains on
    checkpoint(trial.module, *arguments.checkpoint)
    return trial


def _title(checked: Checked, trial: Trial) -> list[Piece]:
    setting = trial.setting
    what = f"training with {setting.optimizer}" if setting.train else "inference"
    parts = [
        what,
        f"N = {setting.batch}",
        *(f"{name} = {value}" for name, value in subject_of(checked).bindings),
        setting.precision,
        *([setting.memory_format] if setting.memory_format != MEMORY_FORMATS[0] else []),
        f"on {trial.device_name}",
    ]
    return [Piece(checked.name, "title"), Piece(f"   {', '.join(parts)}", "dim")]


def _counts(checked: Checked, setting: Setting, found: Measured) -> Iterator[Measurement]:
    """Parameters, and shapes of outputs, those for training last."""
    facts = checked.facts
    cost = facts.cost.training if setting.train else facts.cost.total
    yield Measurement("params", "count", cost.params, found.params)
    if found.trained < found.params:
        yield Measurement("trained", "count", None, found.trained)
    outputs = sorted((o for o in facts.network.outputs if setting.train or not o.training), key=lambda o: o.training)
    for output, shape in zip(outputs, found.outputs, strict=True):
        yield Measurement(output.name, "shape", output.value.type.shape, shape)


def _held(facts: Facts, setting: Setting, settings: TrainingSettings | None, found: Measured) -> Measurement:
    """What is kept for backward, or the peak of inference."""
    name, figure = ("kept for backward", "saved_for_backward") if setting.train else ("inference peak", "peak")
    bytes = found.activations if setting.train else found.held + found.activations
    if settings is None:
        return Measurement(name, "bytes", None, bytes)
    if settings.checkpoint or settings.freeze:
        training = facts.training(settings._replace(loss="none"))
        predicted = training.saved_for_backward - training.random_states
        return Measurement(name, "bytes", predicted, bytes, training.estimated_for)
    memory = facts.memory_at(facts.batch, settings.arithmetic)
    return Measurement(name, "bytes", memory.figure(figure).bytes, bytes, memory.estimated_for(figure))


def _peak(facts: Facts, settings: TrainingSettings | None, found: int) -> Measurement:
    """That of a training step, which is not predicted for the loss of several outputs."""
    if settings is None or len(facts.network.outputs) > 1:
        return Measurement("training peak", "bytes", None, found)
    training = facts.training(settings)
    return Measurement("training peak", "bytes", training.peak, found, training.estimated_for)


def _arithmetic(trial: Trial) -> Arithmetic | None:
    """In what it computes, where bytes are known of that."""
    from archdsl.analyses.memory import MIXED, PLAIN, arithmetic_of

    precision, device = trial.setting.precision, trial.device.type
    return arithmetic_of(precision, "cpu" if device == "cpu" else "cuda") if precision in {*PLAIN, *MIXED} else None


def _settings(
    network: Network, trial: Trial, arithmetic: Arithmetic, arguments: argparse.Namespace
) -> TrainingSettings:
    """How it is trained."""
    from archdsl.analyses.memory import settings_in

    names = list(trial.module.state_dict())
    frozen = frozen_by(names, arguments.freeze, arguments.freeze_up_to, arguments.freeze_all_but)
    optimizer: Any = trial.setting.optimizer
    return settings_in(arithmetic)._replace(
        optimizer=optimizer,
        loss=loss_name(network.outputs[network.main_output].value.type.shape),
        freeze=covering(names, frozen),
        checkpoint=tuple(arguments.checkpoint),
    )


def _not_predicted(network: Network, setting: Setting, *, is_predicted: bool) -> Iterator[str]:
    """Why a figure has nothing beside it."""
    if not is_predicted:
        yield "bytes are predicted for float32, bfloat16 and float16, with autocast too"
    elif setting.train and len(network.outputs) > 1:
        yield f"a training peak is predicted for the loss of one output, and this is the sum over {len(network.outputs)}"


def _json(name: str, trial: Trial, figures: list[Measurement], steps: list[Step]) -> str:
    import json

    setting = {**trial.setting._asdict(), "device": trial.device_name}
    data = {
        "schema": "archdsl.run/1",
        "network": name,
        "setting": setting,
        "figures": [{**m._asdict(), "status": m.status} for m in figures],
        "steps": [s._asdict() for s in steps],
    }
    return json.dumps(data, indent=1)


def _summary(steps: list[Step], setting: Setting) -> str:
    """`10 steps: 0.012 s each, 667 samples a second, loss 2.31 to 2.29`."""
    word = "step" if setting.train else "pass"
    count = f"{len(steps):_} {word}" + ("" if len(steps) == 1 else "s" if setting.train else "es")
    seconds = median(step.seconds for step in steps)
    each = " each" if len(steps) > 1 else ""
    words = f"{count}: {seconds:.3f} s{each}, {setting.batch / seconds:.1f} samples a second"
    losses = [step.loss for step in steps if step.loss is not None]
    return words + (f", loss {losses[0]:.4f}" if losses else "") + (f" to {losses[-1]:.4f}" if len(losses) > 1 else "")
