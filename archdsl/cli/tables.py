"""Tables on a stream or in a file, in the format asked for; the weights that do not fit as one."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from archdsl.cli.targets import add_output, positive
from archdsl.cli.terminal import Color, is_ascii, width_of, write_lines
from archdsl.reports import FORMATS, Table, render_text, weights_table
from archdsl.source import write_whole
from archdsl.source.styled import plain

if TYPE_CHECKING:
    from archdsl.backends.pytorch import WeightsMismatch

FEW = 12
"""So many differences are told where a command stops at them; `weights diff` tells all."""


def add_tables(parser: argparse.ArgumentParser, *formats: str) -> None:
    """`--format`, `--width`, `--ascii` and `--output`."""
    known = ("text", *formats)
    parser.add_argument("--format", choices=known, default="text", help="default: text")
    parser.add_argument("--width", type=positive, metavar="COLUMNS", help="lay tables out in so many columns")
    parser.add_argument("--ascii", action="store_true", help="no characters outside of ASCII")
    add_output(parser, "write to a file, whole or not at all")


def write_tables(arguments: argparse.Namespace, tables: Sequence[Table]) -> None:
    """Writes the tables as `add_tables` let a person ask for them."""
    if arguments.format in FORMATS:
        write_text(arguments, FORMATS[arguments.format](tables))
    elif arguments.output is not None:
        write_whole(arguments.output, plain(render_text(tables, arguments.width, arguments.ascii)))
    else:
        ascii = is_ascii(sys.stdout, arguments.ascii)
        write_lines(render_text(tables, width_of(sys.stdout, arguments.width), ascii), color=arguments.color)


def write_text(arguments: argparse.Namespace, text: str) -> None:
    """Writes a document to the file asked for, else to standard output."""
    if arguments.output is not None:
        write_whole(arguments.output, text)
    else:
        sys.stdout.write(text)


def print_table(table: Table, color: Color, stream: TextIO | None = None) -> None:
    stream = stream or sys.stdout
    write_lines(render_text([table], width_of(stream, None), is_ascii(stream, False)), stream, color)


def print_mismatch(network: str, mismatch: WeightsMismatch, color: Color) -> int:
    """Prints why weights are not loaded; the exit code."""
    sys.stdout.flush()
    print(f"archdsl: {mismatch}", file=sys.stderr)
    print_table(weights_table(network, ("network", mismatch.file), mismatch.comparison, FEW), color, sys.stderr)
    return 1
