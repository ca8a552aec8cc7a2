"""`archdsl compile`."""

from __future__ import annotations

import argparse
import sys

from archdsl.cli.targets import (
    UsageProblem,
    add_output,
    add_settings,
    add_target,
    add_weights,
    checked_target,
    named,
    refuse_lone_skip,
    require_torch,
)
from archdsl.ir import Network, print_network
from archdsl.source import write_whole

EPILOG = """\
The source depends on PyTorch alone, its paths are those of the spec, and published weights load into it. Writing it
needs no PyTorch. `archdsl run` runs it. With --weights nothing is written unless that file loads into it.

examples:
  archdsl compile vgg16 -o vgg16.py
  archdsl compile vgg16 --set classes=10
  archdsl compile vgg16 --set classes=10 --weights vgg16.safetensors --skip classifier.6 -o vgg16.py
  archdsl compile resnet50 --inference -o resnet50_inference.py
  archdsl compile resnet50 --checkpoint 'layer*.*' -o resnet50.py
  archdsl compile vgg16 --emit graph
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    add_target(parser)
    add_settings(parser)
    add_weights(parser)
    add_output(parser, "write to a file, whole or not at all (default: stdout)")
    parser.add_argument(
        "--emit", choices=("pytorch", "graph"), default="pytorch", help="PyTorch source, or the typed graph as text"
    )
    parser.add_argument(
        "--inference",
        action="store_true",
        help="the network for inference: batch norms folded into layers, no dropout, no parts for training",
    )
    parser.add_argument(
        "--checkpoint",
        metavar="PATH",
        action="append",
        default=[],
        help="keep only its inputs for backward, which runs it again: 'layer*'; may be repeated",
    )
    parser.add_argument(
        "--init",
        metavar="WAY",
        type=named,
        help="how the weights start, after a paper: he, he-in, glorot, lecun, krizhevsky, devlin, saxe (default: PyTorch's)",
    )


def run(arguments: argparse.Namespace) -> int:
    checked = checked_target(arguments)
    refuse_lone_skip(arguments)
    network = checked.facts.network
    source, only_for = _source(network, checked.in_sizes[0].network, arguments)
    loaded = ""
    if arguments.weights is not None:
        count = _fitting(network, arguments)
        if count is None:
            return 1
        loaded = f", {count} tensors of {arguments.weights} load"
    if arguments.output is not None:
        write_whole(arguments.output, source)
        sizes = f", for {only_for} alone" if only_for else ""
        print(f"{arguments.output}  {network.name}  {len(source.splitlines())} lines{sizes}{loaded}")
    else:
        sys.stdout.write(source)
    return 0


def _fitting(network: Network, arguments: argparse.Namespace) -> int | None:
    """How many tensors of a file load into the network; None where it has others, which are printed."""
    from archdsl.analyses.weights import PathError, weights
    from archdsl.backends.pytorch import WeightsFileError, WeightsMismatch, fitting_weights
    from archdsl.cli.tables import print_mismatch

    require_torch()
    try:
        return len(fitting_weights(weights(network), arguments.weights, arguments.skip))
    except WeightsMismatch as mismatch:
        print_mismatch(network.name, mismatch, arguments.color)
        return None
    except (WeightsFileError, PathError) as error:
        raise UsageProblem(str(error)) from None


def _source(network: Network, formulas: Network, arguments: argparse.Namespace) -> tuple[str, str]:
    """The network as text, and the open sizes that it is for alone. Raises `UsageProblem` where PyTorch cannot say it."""
    if arguments.emit == "graph":
        for option in ("inference", "checkpoint", "init"):
            if getattr(arguments, option):
                raise UsageProblem(
                    f"`--{option}` is about PyTorch source, and `--emit graph` shows the network as the spec has it"
                )
        return print_network(network), ""
    from archdsl.analyses.options import OptionProblem
    from archdsl.analyses.weights import PathError
    from archdsl.backends.pytorch import source

    try:
        options = {"inference": arguments.inference, "formulas": formulas}
        text, _, only_for = source(network, None, arguments.checkpoint, arguments.init or "", **options)
        return text, only_for
    except (OptionProblem, PathError):
        raise
    except ValueError as error:
        raise UsageProblem(f"`{network.name}` cannot be written as PyTorch: {error}") from None
