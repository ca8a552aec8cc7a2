"""`archdsl draw`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Literal

from archdsl.cli.targets import UsageProblem, add_settings, add_target, checked_target
from archdsl.pipeline import footer_of
from archdsl.source import write_whole

Format = Literal["svg", "png", "pdf", "dot"]
FORMATS: tuple[Format, ...] = ("svg", "png", "pdf", "dot")
EPILOG = """\
Needs `pip install archdsl[draw]`; a `dot` on the PATH is used first. DOT is text and needs neither.

examples:
  archdsl draw vgg16 -o vgg16.svg
  archdsl draw specs/alexnet.arch:AlexNet -o alexnet.pdf --theme light
  archdsl draw vgg16 --format dot
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    add_target(parser)
    add_settings(parser)
    parser.add_argument("-o", "--output", metavar="FILE", help="svg, png, pdf or dot by its ending")
    parser.add_argument("--format", choices=FORMATS, help="default: by the ending of FILE, else svg")
    parser.add_argument("--theme", choices=("auto", "light", "dark", "mono"), default="auto", help="default: auto")
    parser.add_argument(
        "--style",
        choices=("auto", "expanded", "overview"),
        default="auto",
        help="every block in place, or each drawn once beside the network (default: by size)",
    )


def run(arguments: argparse.Namespace) -> int:
    checked = checked_target(arguments)
    from archdsl.backends.graphviz import RenderError, drawing, render, to_dot

    format = _format(arguments)
    facts = checked.facts
    dot = to_dot(drawing(facts.network, facts.cost, footer=footer_of(checked), style=arguments.style), arguments.theme)
    try:
        picture = dot.encode() if format == "dot" else render(dot, format, arguments.theme)
    except RenderError as error:
        raise UsageProblem(str(error)) from None
    if arguments.output is not None:
        write_whole(arguments.output, picture)
        print(f"{arguments.output}  {facts.network.name}  {format}, {len(picture):_} bytes")
    elif format in ("svg", "dot"):
        sys.stdout.write(picture.decode())
    elif sys.stdout.isatty():
        raise UsageProblem(f"{format} is no text: name a file with `-o`")
    else:
        sys.stdout.buffer.write(picture)
    return 0


def _format(arguments: argparse.Namespace) -> Format:
    """The format asked for, or that of the file's ending. Raises `UsageProblem`."""
    if arguments.format is not None:
        format: Format = arguments.format
        return format
    if arguments.output is None:
        return "svg"
    ending = Path(arguments.output).suffix.lstrip(".").lower()
    if not ending:
        return "svg"
    for format in FORMATS:
        if ending == format:
            return format
    raise UsageProblem(f"`.{ending}` is no format archdsl draws: {', '.join(FORMATS)}")
