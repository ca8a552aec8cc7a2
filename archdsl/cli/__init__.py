"""Layer 10: one file per command. A command is imported when it is the one asked for.

Exit codes: 0 all well, 1 the spec is wrong or a claim fails, 2 wrong use, an unreadable file, an output that cannot be written.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout, suppress
from importlib import import_module

from archdsl.cli.output import Output, OutputProblem
from archdsl.cli.parser import Parser

COMMANDS = {
    "check": "does it fit together, and do the published figures hold?",
    "report": "shapes, parameters, MACs, memory, receptive fields, as tables or data",
    "fit": "the largest batch that fits into a device's memory",
    "compile": "write the network as PyTorch",
    "run": "run it on random data, and compare what was predicted with what is measured",
    "weights": "what differs between a network and a file of weights, name by name",
    "verify": "compile, run and compare with PyTorch, layer by layer",
    "diff": "what differs between two networks, layer by layer, and what it costs",
    "draw": "the picture for the paper: SVG, PNG, PDF or DOT",
    "plot": "networks in figures: MACs against parameters, memory against the batch or over time",
    "fmt": "rewrite specs in the one canonical form; comments and alignment stay",
    "explain": "what a diagnostic means, by its code; how a figure comes about",
}

ELSEWHERE = {
    "summary": "report summary",
    "params": "report params",
    "flops": "report flops",
    "macs": "report flops",
    "shapes": "report shapes",
    "memory": "report memory",
    "receptive-field": "report receptive-field",
    "lint": "check",
    "validate": "check",
    "test": "verify",
    "build": "compile",
    "export": "compile",
    "train": "run --train",
    "visualize": "draw",
    "view": "draw",
    "format": "fmt",
    "compare": "diff",
    "help": "--help",
}
"""Commands under the names that a person may try."""

EPILOG = """\
examples:
  archdsl check specs/vgg16.arch                     one spec, claim by claim
  archdsl check specs                                a whole folder, one line each
  archdsl report memory vgg16 --formulas             a bundled spec by its name
  archdsl report summary specs/vgg.arch:VGG_D        one network of a file
  archdsl compile vgg16 -o vgg16.py
  archdsl run vgg16 --train --steps 5
  archdsl draw vgg16 -o vgg16.svg

`archdsl COMMAND --help` tells more. FILE is a path, or the name of a bundled spec or network; FILE:NETWORK picks one.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command line; the exit code."""
    gc.disable()  # a short process makes little garbage, and collecting while importing costs a tenth of the start
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if sys.stdout is None:  # closed (`>&-`): what is written to it fails as on a disk that is full
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY))
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    try:
        with redirect_stdout(Output(sys.stdout)):
            try:
                code = _run(arguments)
            finally:
                sys.stdout.flush()
        gc.freeze()  # what it has made goes with the process, and is not looked through once more
    except BrokenPipeError:  # the reader has seen enough (`| head`)
        _drop_output()
        return 0
    except OutputProblem as problem:
        _drop_output()
        with suppress(OSError):  # standard error may be as full
            print(f"archdsl: cannot write to standard output: {problem}", file=sys.stderr)
        return 2
    except OSError as error:
        if error.filename is not None:  # what is read or written by name is a `FileProblem`
            raise
        with suppress(OSError):  # else it is standard error that cannot be written
            if isinstance(error, FileNotFoundError):
                print("archdsl: there is no current folder any more: go to another one", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return code


def _drop_output() -> None:
    """Lets what waits to be written go nowhere, else it is tried again at the end of the process."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(arguments: Sequence[str]) -> int:
    parser = Parser(
        prog="archdsl",
        description="Thinks about a neural network before it runs: checks, counts, compiles and draws `.arch` specs.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.elsewhere = ELSEWHERE
    parser.add_argument("--version", action="store_true", help="print the version and stop")
    commands = parser.add_subparsers(prog="archdsl", dest="command", metavar="COMMAND", title="commands")
    chosen = next((a for a in arguments if not a.startswith("-")), None)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(
            name, help=summary, description=summary.capitalize(), formatter_class=argparse.RawDescriptionHelpFormatter
        )
        if name == chosen:
            import_module(f"archdsl.cli.{name}").add_arguments(command)
    given, rest = parser.parse_known_args(arguments)
    if rest:
        commands.choices.get(given.command, parser).unknown(rest)
    if given.version:
        from importlib.metadata import version

        print(f"archdsl {version('archdsl')}")
        return 0
    if given.command is None:
        parser.print_help()
        return 2
    from archdsl.analyses.options import OptionProblem
    from archdsl.analyses.weights import PathError
    from archdsl.cli.targets import BrokenSpec, UsageProblem, print_problems, refuse_overwriting, report_failure
    from archdsl.ir import TooManyOperators
    from archdsl.source import FileProblem
    from archdsl.targets import UnknownTarget

    try:
        refuse_overwriting(given)
        code: int = import_module(f"archdsl.cli.{given.command}").run(given)
    except BrokenSpec as broken:
        print_problems(broken.problems, given.color)
        return 1
    except (FileProblem, OptionProblem, PathError, TooManyOperators, UnknownTarget, UsageProblem) as problem:
        return report_failure(problem, given.color)
    return code
