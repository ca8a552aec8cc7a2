"""`archdsl diff`."""

from __future__ import annotations

import argparse
import sys

from archdsl.cli.targets import add_batch, add_output, add_settings, checked_target
from archdsl.cli.terminal import is_ascii, width_of, write_lines
from archdsl.reports import compare, render_csv, render_markdown, render_text

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
    before, after = (checked_target(arguments, text).facts for text in (arguments.before, arguments.after))
    tables = compare(before, after)
    if arguments.format == "csv":
        sys.stdout.write(render_csv(tables))
    elif arguments.format == "markdown":
        sys.stdout.write(render_markdown(tables))
    else:
        ascii = is_ascii(sys.stdout, arguments.ascii)
        write_lines(render_text(tables, width_of(sys.stdout, arguments.width), ascii), color=arguments.color)
    return int(arguments.exit_code and bool(tables[0].rows))
