"""`archdsl fmt`."""

from __future__ import annotations

import argparse
import sys

from archdsl.cli.targets import UsageProblem, add_color, expand, print_problems, read_stdin, report_failure
from archdsl.cli.terminal import Color, write_lines
from archdsl.source import FileProblem, counted, decode_spec, read_bytes, write_whole
from archdsl.source.edits import with_ends_of
from archdsl.source.styled import Piece
from archdsl.syntax.format import format_source
from archdsl.targets import STDIN

EPILOG = """\
Blanks, line breaks and indentation change, and nothing else: comments stay, and so does what means something. Files are
rewritten in place, each whole or not at all; a file with errors in its text is left as it is. The names of the files that
changed are printed.

examples:
  archdsl fmt specs                      every *.arch below the folder
  archdsl fmt --check specs              for CI: exit code 1 if a file would change
  archdsl fmt --diff specs/vgg.arch      what would change
  archdsl fmt - < draft.arch             from standard input to standard output
"""


class Formatted:
    """A file as it is and as it should be: None where errors keep it from being read."""

    def __init__(self, path: str, before: bytes, color: Color) -> None:
        self.path = path
        self.before = before
        self.source = decode_spec(path, before)
        self.text, problems = format_source(self.source)
        if self.text is None:
            print_problems(problems, color)

    @property
    def after(self) -> bytes:
        """The file as it should be, with the line ends that its first line has."""
        if self.text is None:
            return self.before
        return with_ends_of(self.before.decode("utf-8"), self.text).encode("utf-8")

    @property
    def changes(self) -> bool:
        return self.after != self.before


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument(
        "file", metavar="FILE", nargs="+", help="a spec; folders are searched for *.arch; - is standard input"
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if a file would change")
    parser.add_argument("--diff", action="store_true", help="write nothing; print what would change")
    add_color(parser)


def run(arguments: argparse.Namespace) -> int:
    if "-" in arguments.file:
        return _run_stdin(arguments)
    paths = expand(arguments.file)
    codes = {0}
    changed: list[str] = []
    for path in paths:
        try:
            codes.add(_run_file(path, arguments, changed))
        except FileProblem as problem:
            codes.add(report_failure(problem, arguments.color))
    if not arguments.diff:
        write_lines([[Piece(path)] for path in changed], color=arguments.color)
    sys.stdout.flush()
    verb = "would change" if arguments.check or arguments.diff else "rewritten"
    files = f"{len(changed)} of {counted(len(paths), 'file')}"
    write_lines([[Piece(f"{files} {verb}", "dim")]], sys.stderr, arguments.color)
    return max(codes)


def _run_file(path: str, arguments: argparse.Namespace, changed: list[str]) -> int:
    """Formats one file; its exit code. Raises `FileProblem`."""
    file = Formatted(path, read_bytes(path), arguments.color)
    if file.changes:
        if arguments.diff:
            _print_diff(file)
        elif not arguments.check:
            write_whole(path, file.after)
        changed.append(path)
    return int(file.text is None or (arguments.check and file.changes))


def _run_stdin(arguments: argparse.Namespace) -> int:
    """Formats standard input. What is wrong with it goes to standard error, and nothing to standard output."""
    if len(arguments.file) > 1:
        raise UsageProblem("`-` stands alone: standard input is the one spec then")
    file = Formatted(STDIN, read_stdin(), arguments.color)
    if file.text is None:
        return 1
    if arguments.diff:
        _print_diff(file)
    elif not arguments.check:
        _write(file.after)
    return int(arguments.check and file.changes)


def _print_diff(file: Formatted) -> None:
    """Prints a unified diff, as `patch` takes it: to the last blank, so not as styled lines."""
    from archdsl.source.edits import patch

    _write(patch(file.source.text, file.text or "", file.path, file.path).encode("utf-8"))


def _write(data: bytes) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
