"""The files that a spec imports, each read once: inside the root, without circles, and not too many of them."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from archdsl.elaborate import kinds
from archdsl.elaborate.problems import Fault
from archdsl.elaborate.program import Program
from archdsl.source import SIZE_LIMIT, Diagnostic, Edit, FileProblem, Source, Span, nearest, read_spec
from archdsl.syntax import parse

IMPORT_DEPTH_LIMIT = 32
FILES_BESIDE = 1_000
"""How many files of a folder are compared with a name that leads nowhere."""


class Importer:
    """Loads a file and the files that it imports, each once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.problems: list[Diagnostic] = []
        self._programs: dict[Path, Program] = {}
        self._open: list[Path] = []
        self._read = 0

    @property
    def imported(self) -> list[Program]:
        """The programs of all files but the first."""
        return list(self._programs.values())[:-1]

    def program(self, source: Source) -> Program:
        path = Path(source.path).resolve()
        self._read += len(source.text)
        tree, problems = parse(source)
        self._open.append(path)
        program = Program(tree, lambda target, span: self._load(Path(source.path).parent, target, span))
        self._open.pop()
        self.problems += problems + program.problems
        self._programs[path] = program
        return program

    def _load(self, folder: Path, target: str, span: Span) -> Program:
        """The program of an imported file. Raises `Fault`."""
        if "\0" in target:
            raise Fault(kinds.UNUSABLE_IMPORT, "the path holds a NUL byte", span)
        try:
            path, root = (folder / target).resolve(), self.root.resolve()
        except (OSError, RuntimeError):  # pathlib says RuntimeError of links in a circle
            raise Fault(kinds.UNUSABLE_IMPORT, f"cannot read `{target}`: the path leads nowhere", span) from None
        if not path.is_relative_to(root):
            raise Fault(
                kinds.UNUSABLE_IMPORT,
                f"`{target}` lies outside of the spec's root",
                span,
                helps=("`--root FOLDER` widens what may be imported",),
            )
        if path == self._open[-1]:
            raise Fault(kinds.UNUSABLE_IMPORT, "a file does not import itself", span)
        if path in self._open:
            raise Fault(kinds.UNUSABLE_IMPORT, f"`{target}` imports this file in turn", span)
        if len(self._open) > IMPORT_DEPTH_LIMIT:
            raise Fault(kinds.UNUSABLE_IMPORT, f"imports are nested deeper than {IMPORT_DEPTH_LIMIT}", span)
        if path not in self._programs:
            if _is_device(path):
                raise Fault(kinds.UNUSABLE_IMPORT, f"`{target}` is no file: a device or a pipe", span)
            try:
                source = read_spec(folder / target)
            except FileProblem as problem:
                raise _unreadable(problem, path, span) from None
            if self._read + len(source.text) > SIZE_LIMIT:
                message = f"a file and what it imports hold more than {SIZE_LIMIT >> 20} MiB together"
                raise Fault(kinds.BUDGET_EXCEEDED, message, span, "not read")
            self.program(source)
        return self._programs[path]


def _is_device(path: Path) -> bool:
    """Whether reading could wait forever. What cannot be asked is left to the reading."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (S_ISREG(mode) or S_ISDIR(mode))


def _unreadable(problem: FileProblem, path: Path, span: Span) -> Fault:
    """An imported file that cannot be read; one beside it may have been meant."""
    try:
        beside = sorted(p.name for p in islice(path.parent.glob("*.arch"), FILES_BESIDE))
    except OSError:
        beside = []
    close = f"{path.name}.arch" if f"{path.name}.arch" in beside else nearest(path.name, beside)
    written = f'"{span.text.strip(chr(34)).removesuffix(path.name)}{close}"' if close else None
    return Fault(
        kinds.UNUSABLE_IMPORT,
        problem.diagnostic.message,
        span,
        f"did you mean `{close}`?" if close else "",
        edit=Edit(span, written) if written else None,
    )
