"""`archdsl report`."""

from __future__ import annotations

import argparse

from archdsl.analyses.memory import settings_of
from archdsl.analyses.roofline import DEVICES
from archdsl.cli.parser import Parser
from archdsl.cli.tables import add_tables, write_tables, write_text
from archdsl.cli.targets import (
    BrokenSpec,
    UsageProblem,
    add_batch,
    add_settings,
    add_target,
    check_target,
    natural,
    opened_target,
    positive,
    require_torch,
)
from archdsl.cli.training import add_training, training_of
from archdsl.pages import html_of
from archdsl.pipeline import Checked, subject_for
from archdsl.reports import (
    FOR_ONE,
    FORMATS,
    REPORTS,
    Options,
    Subject,
    Table,
    check_asked,
    effective_table,
    render_json,
    report,
)
from archdsl.source import first_line
from archdsl.targets import Target, single_network

EPILOG = """\
reports:
  summary           layers, outputs, parameters and MACs, folded
  shapes            the output of every layer
  params            where the parameters are
  flops             MACs and FLOPs by kind of layer and by block
  memory            bytes: the lectures' table, peaks of inference and training, what is kept for backward
  receptive-field   what one unit sees, and where
  formulas          totals as formulas of the batch N and of open sizes
  claims            the published figures of the spec
  lints             what is legal and still likely a mistake, or worth knowing
  all               everything

examples:
  archdsl report memory vgg16 --formulas
  archdsl report memory ResNet50 --batch 32 --train --optimizer adam
  archdsl report memory ViT_B16 --precision bfloat16
  archdsl report receptive-field vgg16 --unit features.30:3,3
  archdsl report params vgg16 --sort params --top 3
  archdsl report flops vgg16 --on h200 --precision bfloat16 --batch 32
  archdsl report summary vgg16 --input 3x256x256 --set classes=10 --format json
"""


ELSEWHERE = {
    "layers": "summary",
    "parameters": "params",
    "weights": "params",
    "macs": "flops",
    "compute": "flops",
    "roofline": "flops FILE --on h200",
    "rf": "receptive-field",
    "field": "receptive-field",
    "mem": "memory",
    "timeline": "memory FILE --format json",
    "--device": "--on",
    "--gpu": "--on",
}
"""Reports and options under the names that a person may try."""


def add_arguments(parser: Parser) -> None:
    parser.epilog = EPILOG
    parser.first, parser.elsewhere = "summary", ELSEWHERE
    parser.add_argument("report", choices=REPORTS, metavar="REPORT", help=", ".join(REPORTS))
    add_target(parser)
    add_settings(parser)
    add_batch(parser)
    add_training(parser, has_devices=True)
    add_tables(parser, "json", "html", *FORMATS)
    parser.add_argument("--formulas", action="store_true", help="memory: every figure with its working")
    parser.add_argument("--depth", type=natural, metavar="N", help="how many levels of scopes to open")
    parser.add_argument("--full", action="store_true", help="every operator in a row of its own")
    parser.add_argument("--sort", metavar="COLUMN", help="sort the layers by a column, the largest first")
    parser.add_argument("--top", type=positive, metavar="N", help="only the first N rows")
    parser.add_argument("--unit", metavar="PATH:I,J", help="receptive-field: the pixels that one unit reads")
    parser.add_argument(
        "--effective",
        metavar="PATH",
        help="receptive-field: what the middle unit there really sees, by PyTorch's gradients",
    )
    parser.add_argument(
        "--on",
        type=str.lower,
        choices=tuple(DEVICES),
        help="flops: the least time of each layer on a device; memory: what its libraries take",
    )


def run(arguments: argparse.Namespace) -> int:
    options = Options(
        depth=arguments.depth,
        full=arguments.full,
        sort=arguments.sort,
        top=arguments.top,
        formulas=arguments.formulas,
        unit=_unit(arguments.unit),
    )
    training = training_of(arguments)
    given = [option for option in FOR_ONE if getattr(arguments, option)]
    precision, is_training = arguments.precision or "float32", training is not None
    check_asked(arguments.report, given, arguments.format, arguments.on, precision, is_training=is_training)
    computed = {"precision": precision, "autocast": arguments.autocast or "cuda"}
    target = opened_target(arguments.file, arguments.root)
    if target.spec.problems:
        raise BrokenSpec(target.spec.problems)
    checked = [check_target(arguments, target.spec, name) for name in _names(target, arguments.report)]
    problems = [p for c in checked if c.network is None for p in c.problems]
    if problems:
        raise BrokenSpec(problems)
    if arguments.format == "html":
        write_text(arguments, html_of(_single(checked), training or settings_of(computed)))
        return 0
    asked = {"format": arguments.format, "on": arguments.on, **computed}
    subjects = [subject_for(arguments.report, c, training, **asked) for c in checked]
    _write(arguments, subjects, options)
    return 0


def _names(target: Target, name: str) -> tuple[str, ...]:
    """`summary` takes all networks of a file, the other reports one."""
    if name == "summary" and target.network is None and len(target.spec.networks) > 1:
        return target.spec.networks
    return (single_network(target),)


def _single(checked: list[Checked]) -> Checked:
    """A page shows one network."""
    if len(checked) > 1:
        names = ", ".join(c.name for c in checked)
        raise UsageProblem(f"an HTML report is about one network: name one of {names}")
    return checked[0]


def _unit(text: str | None) -> tuple[str, tuple[int, ...]] | None:
    if text is None:
        return None
    path, _, indices = text.rpartition(":")
    try:
        place = tuple(int(i) for i in indices.split(","))
    except ValueError:
        place = ()
    if not path or not place:
        raise UsageProblem(f"`--unit {text}`: write PATH:ROW,COLUMN, as features.30:3,3")
    return path, place


def _write(arguments: argparse.Namespace, subjects: list[Subject], options: Options) -> None:
    if arguments.format == "json":
        write_text(arguments, render_json(subjects))
        return
    try:
        tables = [table for subject in subjects for table in report(arguments.report, subject, options)]
    except (KeyError, IndexError, ValueError) as error:
        raise UsageProblem(str(error.args[0])) from None
    if arguments.effective is not None:
        tables += [_effective(subject, arguments) for subject in subjects]
    write_tables(arguments, tables)


def _effective(subject: Subject, arguments: argparse.Namespace) -> Table:
    """The effective field of a layer, measured. Raises `UsageProblem`."""
    require_torch()
    from archdsl.backends.pytorch import effective_field

    try:
        found = effective_field(subject.facts.network, arguments.effective)
    except (RuntimeError, ValueError) as error:
        raise UsageProblem(f"`--effective {arguments.effective}`: {first_line(error)}") from None
    return effective_table(subject, arguments.effective, found)
