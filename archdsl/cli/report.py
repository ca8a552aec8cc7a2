"""`archdsl report`."""

from __future__ import annotations

import argparse

from archdsl.analyses.roofline import DEVICES
from archdsl.cli.parser import Parser
from archdsl.cli.tables import add_tables, write_tables, write_text
from archdsl.cli.targets import (
    UsageProblem,
    add_batch,
    add_settings,
    add_target,
    checked_networks,
    natural,
    positive,
    require_torch,
    sound_target,
)
from archdsl.cli.training import add_training, training_of
from archdsl.pages import report_of
from archdsl.reports import FORMATS, REPORTS, Options, asked
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
    options = {name: getattr(arguments, name) for name in Options._fields} | {"unit": _unit(arguments.unit)}
    computed = {"precision": arguments.precision or "float32", "autocast": arguments.autocast or "cuda"}
    training = training_of(arguments)
    wanted = asked(arguments.report, arguments.format, options, training=training, on=arguments.on, **computed)
    target = sound_target(arguments.file, arguments.root)
    checked = checked_networks(arguments, target.spec, _names(target, arguments))
    if arguments.effective is not None:
        require_torch()
    found = report_of(checked, wanted)
    if isinstance(found, str):
        write_text(arguments, found)
    else:
        write_tables(arguments, found)
    return 0


def _names(target: Target, arguments: argparse.Namespace) -> tuple[str, ...]:
    """`summary` takes all networks of a file, the other reports and a page one."""
    is_for_all = arguments.report == "summary" and arguments.format != "html" and target.network is None
    return target.spec.networks if is_for_all and len(target.spec.networks) > 1 else (single_network(target),)


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
