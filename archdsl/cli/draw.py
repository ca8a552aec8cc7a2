"""`archdsl draw`."""

from __future__ import annotations

import argparse
from typing import Literal, get_args

from archdsl.cli.pictures import output_format, write_picture
from archdsl.cli.targets import UsageProblem, add_output, add_settings, add_target, checked_target, natural
from archdsl.pages import picture_of
from archdsl.pipeline import Checked

Format = Literal["svg", "png", "pdf", "dot", "tikz", "mermaid", "model-explorer", "model-explorer-costs"]
FORMATS: tuple[Format, ...] = get_args(Format)
EPILOG = """\
PNG and PDF need Graphviz: a `dot` on the PATH, or `pip install archdsl[draw]`. The others need nothing else.

tikz is for LaTeX, mermaid for Markdown; model-explorer is the graph and model-explorer-costs the overlay for
github.com/google-ai-edge/model-explorer.

examples:
  archdsl draw vgg16 -o vgg16.svg
  archdsl draw specs/alexnet.arch:AlexNet -o alexnet.pdf --theme light
  archdsl draw vgg16 --format dot
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    add_target(parser)
    add_settings(parser)
    add_output(parser, "the format by its ending: .svg .png .pdf .dot .tikz .mmd .json")
    parser.add_argument("--format", choices=FORMATS, help="default: by the ending of FILE, else svg")
    parser.add_argument("--theme", choices=("auto", "light", "dark", "mono"), default="auto", help="default: auto")
    parser.add_argument(
        "--style",
        choices=("auto", "expanded", "overview", "u", "volumes"),
        default="auto",
        help="every block in place, or each drawn once beside the network (default: by size); encoder-decoders as a U",
    )
    parser.add_argument("--expand", metavar="PATH", action="append", default=[], help="draw this call in place")
    parser.add_argument("--depth", type=natural, default=0, metavar="N", help="draw calls in place, N levels deep")
    parser.add_argument("--unfuse", action="store_true", help="norms, activations and dropout in rows of their own")
    parser.add_argument("--lr", action="store_true", help="from left to right, for slides")
    parser.add_argument("--color-by", choices=("macs", "params", "memory"), help="shade each row by its figure")


def run(arguments: argparse.Namespace) -> int:
    format = output_format(arguments, FORMATS)
    checked = checked_target(arguments)
    write_picture(arguments, _picture(checked, format, arguments), format, checked.facts.network.name)
    return 0


def _picture(checked: Checked, format: Format, arguments: argparse.Namespace) -> bytes:
    facts = checked.facts
    if format == "model-explorer" or format == "model-explorer-costs":
        from archdsl.backends.model_explorer import costs_json, graph_json

        return (graph_json(facts) if format == "model-explorer" else costs_json(facts)).encode()
    from archdsl.backends.drawing import Look, Refusal, RenderError

    try:
        look = Look(
            format,
            arguments.theme,
            arguments.style,
            expand=tuple(arguments.expand),
            depth=arguments.depth,
            shading=arguments.color_by,
            across=arguments.lr,
            fuses=not arguments.unfuse,
        )
        return picture_of(checked, look)
    except (Refusal, RenderError) as error:
        raise UsageProblem(str(error)) from None
