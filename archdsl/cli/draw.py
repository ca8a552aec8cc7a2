"""`archdsl draw`."""

from __future__ import annotations

import argparse
from typing import Literal

from archdsl.cli.pictures import output_format, write_picture
from archdsl.cli.targets import UsageProblem, add_settings, add_target, checked_target
from archdsl.pipeline import footer_of

Format = Literal["svg", "png", "pdf", "dot"]
FORMATS: tuple[Format, ...] = ("svg", "png", "pdf", "dot")
EPILOG = """\
SVG and DOT need nothing else. PNG and PDF need Graphviz: a `dot` on the PATH, or `pip install archdsl[draw]`.

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
        choices=("auto", "expanded", "overview", "u"),
        default="auto",
        help="every block in place, or each drawn once beside the network (default: by size)",
    )


def run(arguments: argparse.Namespace) -> int:
    checked = checked_target(arguments)
    from archdsl.backends.drawing import Refusal, RenderError, draw

    format = output_format(arguments, FORMATS)
    facts = checked.facts
    asked = {"theme": arguments.theme, "style": arguments.style}
    try:
        picture = draw(facts.network, facts.cost, format, footer=footer_of(checked), **asked)
    except (Refusal, RenderError) as error:
        raise UsageProblem(str(error)) from None
    write_picture(arguments, picture, format, facts.network.name)
    return 0
