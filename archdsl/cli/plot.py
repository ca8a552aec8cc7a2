"""`archdsl plot`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from archdsl.analyses import Facts
from archdsl.cli.pictures import output_format, write_picture
from archdsl.cli.progress import Place
from archdsl.cli.targets import (
    UsageProblem,
    add_batch,
    add_output,
    add_settings,
    add_target,
    checked_networks,
    expand,
    size,
    sound_target,
)
from archdsl.cli.training import add_training, arithmetic_of, training_of
from archdsl.source import counted

if TYPE_CHECKING:
    from archdsl.analyses.memory import Arithmetic, TrainingSettings
    from archdsl.backends.matplotlib import Plot

BATCHES = tuple(2**n for n in range(11))
EPILOG = """\
plots:
  cost       multiply-adds against parameters, a point for each network
  batch      the peak against the batch, of inference or of a training step
  timeline   what is alive while one network runs, or in a training step

Needs `pip install archdsl[plot]`.

examples:
  archdsl plot cost specs -o cost.svg
  archdsl plot batch ResNet50 vgg16 --train --optimizer adamw --memory 24GiB -o batch.pdf
  archdsl plot timeline ResNet50 --train --batch 8 -o timeline.png
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument("plot", choices=("cost", "batch", "timeline"), metavar="PLOT", help="cost, batch or timeline")
    add_target(parser, many=True)
    add_settings(parser)
    add_batch(parser)
    add_training(parser)
    parser.add_argument("--memory", metavar="SIZE", help="batch: a line at a device's memory, as 24GiB")
    add_output(parser, "svg, png or pdf by its ending")
    parser.add_argument("--format", choices=("svg", "png", "pdf"), help="default: by the ending of FILE, else svg")
    parser.add_argument("--theme", choices=("light", "dark"), default="light", help="default: light")


def run(arguments: argparse.Namespace) -> int:
    from archdsl.backends.matplotlib import FORMATS, render

    settings, arithmetic = training_of(arguments), arithmetic_of(arguments)
    limit = None if arguments.memory is None else size("--memory", arguments.memory, "24GiB")
    format = output_format(arguments, FORMATS)
    networks = _networks(arguments)
    if arguments.plot == "timeline" and len(networks) > 1:
        raise UsageProblem(f"`timeline` is of one network, not of {len(networks)}: name it, as FILE:NETWORK")
    try:
        picture = render(_plot(arguments, networks, settings, limit, arithmetic), format, arguments.theme)
    except ImportError as error:
        if error.name not in ("matplotlib", "cycler"):
            raise
        raise UsageProblem("matplotlib is not installed: `pip install archdsl[plot]`") from None
    write_picture(arguments, picture, format, f"{arguments.plot} of {counted(len(networks), 'network')}")
    return 0


def _networks(arguments: argparse.Namespace) -> list[Facts]:
    """Of each FILE the network named, else all of it. Raises `BrokenSpec`, `UsageProblem`."""
    found: list[Facts] = []
    texts = expand(arguments.file, arguments.root)
    with Place("reading", len(texts)) as place:
        for text, root in texts.items():
            place.step(text)
            target = sound_target(text, root)
            found += [checked.facts for checked in checked_networks(arguments, target.spec, target.networks)]
    if not found:
        raise UsageProblem("there is no network to plot, only templates")
    return found


def _plot(
    arguments: argparse.Namespace,
    networks: list[Facts],
    settings: TrainingSettings | None,
    limit: int | None,
    arithmetic: Arithmetic,
) -> Plot:
    from archdsl.backends.matplotlib import batch_plot, cost_plot, timeline_plot

    if arguments.plot == "cost":
        return cost_plot(networks)
    if arguments.plot == "batch":
        return batch_plot(networks, BATCHES, settings, limit, arithmetic)
    return timeline_plot(networks[0], settings, arguments.batch, arithmetic)
