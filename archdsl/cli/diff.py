"""`archdsl diff`."""

from __future__ import annotations

import argparse
import sys

from archdsl.cli.targets import (
    UsageProblem,
    add_batch,
    add_output,
    add_settings,
    check_target,
    open_target,
    print_problems,
    report_failure,
    single_network,
)
from archdsl.cli.terminal import is_ascii, width_of, write_lines
from archdsl.pipeline import Checked
from archdsl.reports import compare, render_csv, render_markdown, render_text
from archdsl.source import FileProblem

EPILOG = """\
Layers are matched by their labels, unlabelled ones by what they are and in order. A change that several blocks share is
told once.

examples:
  archdsl diff resnet:ResNet50v1 resnet:ResNet50
  archdsl diff old/net.arch net.arch --exit-code
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    for name, words in (("before", "a spec, or FILE:NETWORK"), ("after", "what it is compared with")):
        parser.add_argument(name, metavar=name.upper(), help=words)
    parser.add_argument("--root", metavar="FOLDER", help="the folder that imports may read (default: the spec's own)")
    add_output(parser)
    add_settings(parser)
    add_batch(parser)
    parser.add_argument("--format", choices=("text", "csv", "markdown"), default="text", help="default: text")
    parser.add_argument("--exit-code", action="store_true", help="end with 1 where the layers differ")
    parser.add_argument("--width", type=int, metavar="COLUMNS", help="lay tables out in so many columns")
    parser.add_argument("--ascii", action="store_true", help="no characters outside of ASCII")


def run(arguments: argparse.Namespace) -> int:
    try:
        return _run(arguments)
    except (FileProblem, UsageProblem) as problem:
        return report_failure(problem, arguments.color)


def _run(arguments: argparse.Namespace) -> int:
    networks = []
    for text in (arguments.before, arguments.after):
        checked = _checked(text, arguments)
        if checked is None:
            return 1
        networks.append(checked.facts)
    tables = compare(*networks)
    if arguments.format == "csv":
        sys.stdout.write(render_csv(tables))
    elif arguments.format == "markdown":
        sys.stdout.write(render_markdown(tables))
    else:
        ascii = is_ascii(sys.stdout, arguments.ascii)
        write_lines(render_text(tables, width_of(sys.stdout, arguments.width), ascii), color=arguments.color)
    return int(arguments.exit_code and bool(tables[0].rows))


def _checked(text: str, arguments: argparse.Namespace) -> Checked | None:
    """The network of an argument; None after its problems were printed."""
    target = open_target(text, arguments.root)
    problems = target.spec.problems
    checked = None
    if not problems:
        checked = check_target(arguments, target.spec, single_network(target))
        problems = [] if checked.network is not None else checked.problems
    if problems:
        print_problems(problems, arguments.color)
        return None
    return checked
