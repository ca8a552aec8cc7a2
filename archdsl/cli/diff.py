"""`archdsl diff`."""

from __future__ import annotations

import argparse
import json

from archdsl.cli.tables import add_tables, write_tables, write_text
from archdsl.cli.targets import add_batch, add_color, add_settings, checked_target
from archdsl.pipeline import subject_of
from archdsl.reports import FORMATS, compare, difference_data

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
    add_color(parser)
    add_settings(parser)
    add_batch(parser)
    add_tables(parser, "json", *FORMATS)
    parser.add_argument("--exit-code", action="store_true", help="end with 1 where the layers differ")


def run(arguments: argparse.Namespace) -> int:
    before, after = (subject_of(checked_target(arguments, text)) for text in (arguments.before, arguments.after))
    if arguments.format == "json":
        data = difference_data(before, after)
        write_text(arguments, json.dumps(data, indent=2) + "\n")
        return int(arguments.exit_code and bool(data["scopes"] or data["resized"]["layers"]))
    tables = compare(before, after)
    write_tables(arguments, tables)
    return int(arguments.exit_code and bool(tables[0].rows))
