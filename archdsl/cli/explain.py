"""`archdsl explain`."""

from __future__ import annotations

import argparse
import sys

from archdsl.cli.targets import UsageProblem, add_output, report_failure
from archdsl.cli.terminal import write_lines
from archdsl.pipeline import diagnostic_kinds
from archdsl.source import Kind, nearest
from archdsl.source.styled import Line, Piece


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "example:\n  archdsl explain shape-mismatch\n\nWithout a code all of them are listed."
    parser.add_argument("code", nargs="?", metavar="CODE", help="the code in brackets: error[shape-mismatch]")
    add_output(parser)


def run(arguments: argparse.Namespace) -> int:
    kinds = diagnostic_kinds()
    if arguments.code is None:
        width = max(map(len, kinds))
        write_lines(
            [
                [Piece(code.ljust(width + 2), "strong"), Piece(kind.severity, kind.severity)]
                for code, kind in kinds.items()
            ],
            color=arguments.color,
        )
        return 0
    kind = kinds.get(arguments.code)
    if kind is None:
        close = nearest(arguments.code, kinds)
        hint = f"; did you mean `{close}`?" if close else "; `archdsl explain` lists them"
        return report_failure(UsageProblem(f"there is no diagnostic `{arguments.code}`{hint}"), arguments.color)
    write_lines(_page(kind), sys.stdout, arguments.color)
    return 0


def _page(kind: Kind) -> list[Line]:
    from textwrap import wrap

    body: list[Line] = [[Piece(line)] for line in wrap(kind.page, 100)]
    return [[Piece(f"{kind.severity}[{kind.code}]", kind.severity)], [], *body]
