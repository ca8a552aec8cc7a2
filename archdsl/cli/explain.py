"""`archdsl explain`."""

from __future__ import annotations

import argparse
import sys
from textwrap import wrap

from archdsl.cli.targets import UsageProblem, add_settings, add_target, checked_target
from archdsl.cli.terminal import is_ascii, width_of, write_lines
from archdsl.pipeline import diagnostic_kinds, subject_of
from archdsl.source import Kind, nearest
from archdsl.source.styled import Line, Piece

EPILOG = """\
examples:
  archdsl explain shape-mismatch            a diagnostic, by its code
  archdsl explain macs                      how a figure is counted
  archdsl explain macs resnet:ResNet50      and what it is made of, layer by layer

Without a word the codes of all diagnostics are listed. The figures are params, macs, flops, activations, neurons and
connections.
"""
ELSEWHERE = {
    "memory": "report memory FILE --formulas",
    "receptive-field": "report receptive-field FILE",
    "shape": "report shapes FILE",
    "depth": "check FILE",
}
"""Figures that another command works out."""
SYNONYMS = {
    "parameters": "params",
    "weights": "params",
    "mult-adds": "macs",
    "values": "activations",
    "rf": "receptive-field",
}
"""What else figures are called."""
COLUMNS = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument("word", nargs="?", metavar="WORD", help="the code of error[shape-mismatch], or a figure")
    add_target(parser, optional=True)
    add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    kinds = diagnostic_kinds()
    if arguments.word is None:
        _list(kinds, arguments)
        return 0
    if arguments.word in kinds:
        write_lines(_page(kinds[arguments.word]), sys.stdout, arguments.color)
        return 0
    from archdsl.reports import FIGURES

    word = arguments.word.lower().replace("_", "-")
    word = SYNONYMS.get(word, word)
    if word in ELSEWHERE:
        raise UsageProblem(f"`archdsl {ELSEWHERE[word]}` tells how `{arguments.word}` comes about")
    if word not in FIGURES:
        close = nearest(word, {*kinds, *FIGURES})
        hint = f"did you mean `{close}`?" if close else f"the figures are {', '.join(FIGURES)}"
        raise UsageProblem(f"there is no diagnostic and no figure `{arguments.word}`; {hint}")
    return _figure(word, arguments)


def _list(kinds: dict[str, Kind], arguments: argparse.Namespace) -> None:
    width = max(map(len, kinds))
    codes = [
        (Piece(code.ljust(width + 2), "strong"), Piece(kind.severity, kind.severity)) for code, kind in kinds.items()
    ]
    write_lines([list(line) for line in codes], color=arguments.color)


def _page(kind: Kind) -> list[Line]:
    body: list[Line] = [[Piece(line)] for line in wrap(kind.page, COLUMNS)]
    return [[Piece(f"{kind.severity}[{kind.code}]", kind.severity)], [], *body]


def _figure(name: str, arguments: argparse.Namespace) -> int:
    """How a figure is counted and, of a network, its arithmetic."""
    from archdsl.reports import FIGURES, explain, render_text

    lines: list[Line] = [[Piece(line)] for line in wrap(FIGURES[name].convention, COLUMNS)]
    if arguments.file is not None:
        table = explain(name, subject_of(checked_target(arguments)))
        lines += [[], *render_text([table], width_of(sys.stdout, None), is_ascii(sys.stdout, False))]
    write_lines(lines, color=arguments.color)
    return 0
