"""`archdsl weights`."""

from __future__ import annotations

import argparse
import sys

from archdsl.analyses.weights import Comparison, compare, weights
from archdsl.backends.pytorch import WeightsFileError, apart, read_weights, stored
from archdsl.cli.tables import print_table
from archdsl.cli.targets import UsageProblem, add_settings, add_target, checked_target, require_torch
from archdsl.ir import Network
from archdsl.reports import weights_json, weights_table

EPILOG = """\
diff compares the tensors of a network with those of a file, name by name: what is missing, what is unexpected, which
shapes and types differ, and which names may stand for each other. With a second file it compares the two files, values
too. It exits with 1 where anything differs. Nothing that a pickle may hold is run.

examples:
  archdsl weights diff vgg16 vgg16.safetensors
  archdsl weights diff vgg16 vgg16.pth --set classes=10 --format json
  archdsl weights diff vgg16 before.safetensors after.safetensors
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument("action", choices=("diff",), metavar="diff", help="what to do: compare")
    add_target(parser)
    parser.add_argument("weights", metavar="WEIGHTS", help="a file of weights: .safetensors, .pth, .pt, .bin, .ckpt")
    parser.add_argument("other", metavar="OTHER", nargs="?", help="a second file, to compare the first one with")
    add_settings(parser)
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")


def run(arguments: argparse.Namespace) -> int:
    return _diff(checked_target(arguments).facts.network, arguments)


def _diff(network: Network, arguments: argparse.Namespace) -> int:
    require_torch()
    try:
        comparison = _compared(network, arguments.weights, arguments.other)
    except WeightsFileError as error:
        raise UsageProblem(str(error)) from None
    sides = ("network", arguments.weights) if arguments.other is None else (arguments.weights, arguments.other)
    if arguments.format == "json":
        sys.stdout.write(weights_json(network.name, sides, comparison))
    else:
        print_table(weights_table(network.name, sides, comparison), arguments.color)
    return int(bool(comparison.differences))


def _compared(network: Network, file: str, other: str | None) -> Comparison:
    """The network and a file, or two files. Raises `WeightsFileError`."""
    expected = weights(network)
    first = read_weights(file, expected)
    if other is None:
        return compare(expected, stored(first))
    second = read_weights(other, expected)
    return compare(stored(first), stored(second), apart(first, second))
