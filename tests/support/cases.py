"""Markdown pages whose programs are tests; tests/cases/README.md says how they are written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from archdsl.ir import Module, Node, TensorType
from archdsl.pipeline import Checked, open_spec
from archdsl.source import Diagnostic, Span

PAGES = Path(__file__).parents[1] / "cases"
MAIN = "case.arch"

FENCE = re.compile(r"^```arch(?: file=(?P<file>\S+))?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
BODY = re.compile(r"(?:\s*(?:#[^\n]*)?\n)*\s*input ")
HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
COMMENT = re.compile(r"#(?P<sign>[:@!]) (?P<text>.*?) *(?=#[:@!] |$)")
ERROR = re.compile(r"(?P<column>\d+) (?P<code>[a-z-]+)(?:: (?P<words>.+))?")


class Case(NamedTuple):
    """A program, the heading that it stands under, and the files that it can import."""

    page: Path
    heading: str
    line: int
    text: str
    files: dict[str, str]

    @property
    def id(self) -> str:
        return f"{self.page.relative_to(PAGES).as_posix()}:{self.line} {self.heading}"


class Program(NamedTuple):
    """The text that is checked, and how many lines were put before what the page shows."""

    text: str
    added: int


class Wanted(NamedTuple):
    """One comment: the file and line that it is about, `:`, `@` or `!`, and what it says."""

    file: str
    line: int
    sign: str
    text: str


def cases(page: Path) -> Iterator[Case]:
    """The programs of a page, in order. Files hold until the next heading that is not below their own."""
    text = page.read_text("utf-8")
    heading, level = "", 0
    files: dict[str, tuple[int, str]] = {}
    for found in sorted([*FENCE.finditer(text), *HEADING.finditer(_without_programs(text))], key=lambda m: m.start()):
        if found.re is HEADING:
            heading, level = found[2], len(found[1])
            files = {name: file for name, file in files.items() if file[0] < level}
        elif found["file"]:
            files[found["file"]] = (level, found["text"])
        else:
            line = text.count("\n", 0, found.start("text")) + 1
            yield Case(page, heading, line, found["text"], {name: file for name, (_, file) in files.items()})


def _without_programs(text: str) -> str:
    """The page with its fenced blocks blanked out, so that a comment of a program is no heading."""
    return re.sub(r"^```.*?^```$", lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.MULTILINE | re.DOTALL)


def program(text: str) -> Program:
    """The whole spec of a program: what begins with `input` is the body of a network."""
    if BODY.match(text):
        return Program(f"network Case {{\n{text}}}\n", 1)
    return Program(text, 0)


def wanted(file: str, shown: Program) -> Iterator[Wanted]:
    """What the comments of a text say. One on a line of its own is about the line before it."""
    subject = 0
    for number, line in enumerate(shown.text.split("\n"), 1):
        found = list(COMMENT.finditer(line))
        if not found or line[: found[0].start()].strip():
            subject = number
        for comment in found:
            yield Wanted(file, subject, comment["sign"], comment["text"])


def disagreements(case: Case, folder: Path) -> list[str]:
    """Where a program is not what its comments say; empty where all is as said."""
    texts = {name: Program(text, 0) for name, text in case.files.items()} | {MAIN: program(case.text)}
    for name, shown in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(shown.text, "utf-8")
    spec = open_spec(folder / MAIN)
    checked = [spec.check(name) for name in spec.networks]
    comments = [w for name, shown in texts.items() for w in wanted(name, shown)]
    strict = case.page.parent.name == "lints"
    found = [
        *_errors(spec.findings(checked), comments, folder, strict),
        *_types(checked, comments, folder),
        *_paths(checked, comments, folder),
    ]
    added = {file: shown.added for file, shown in texts.items()}
    return [f"{file}:{line - added.get(file, 0)}: {words}" for file, line, words in found]


Disagreement = tuple[str, int, str]


def _errors(problems: list[Diagnostic], comments: list[Wanted], folder: Path, strict: bool) -> Iterator[Disagreement]:
    """What was said and not found; then the errors, and where it is `strict` the warnings, that were found and not said."""
    left = list(problems)
    for comment in (c for c in comments if c.sign == "!"):
        said = ERROR.fullmatch(comment.text)
        if said is None:
            raise ValueError(f"`#! {comment.text}` is not `#! COLUMN CODE: WORDS`")
        match = next((p for p in left if _is_said(p, comment, said, folder)), None)
        if match is None:
            yield comment.file, comment.line, f"wanted {comment.text}"
        else:
            left.remove(match)
    for problem in (p for p in left if strict or p.severity == "error"):
        file, line, column = _place(problem, folder)
        yield file, line, f"found {column} {problem.code}: {_words(problem)}"


def _is_said(problem: Diagnostic, comment: Wanted, said: re.Match[str], folder: Path) -> bool:
    place = (comment.file, comment.line, int(said["column"]))
    return (
        _place(problem, folder) == place and problem.code == said["code"] and (said["words"] or "") in _words(problem)
    )


def _place(problem: Diagnostic, folder: Path) -> tuple[str, int, int]:
    if problem.primary is None:
        return MAIN, 1, 0
    span = problem.primary.span
    line, column, *_ = span.positions
    return _file(span, folder), line, column


def _words(problem: Diagnostic) -> str:
    labels = [label.text for label in (problem.primary, *problem.labels) if label is not None and label.text]
    return " / ".join([problem.message, *labels, *problem.notes, *problem.helps])


def _types(checked: list[Checked], comments: list[Wanted], folder: Path) -> Iterator[Disagreement]:
    networks = [c.formulas.network if c.formulas is not None else c.network for c in checked]
    nodes = [node for network in networks if network is not None for node in _nodes(network.body, set())]
    for comment in (c for c in comments if c.sign == ":"):
        here = [node for node in nodes if _line(node.origin.span, folder) == (comment.file, comment.line)]
        last = [node.result_types for node in here if node.origin.span == here[-1].origin.span]
        shown = "; ".join(dict.fromkeys(map(_shown, last)))
        if shown != comment.text:
            yield comment.file, comment.line, f"wanted {comment.text}, found {shown or 'nothing'}"


def _nodes(module: Module, seen: set[int]) -> Iterator[Node]:
    """Nodes in the order they run: what a call holds, each distinct module once, and then the call."""
    for node in module.nodes:
        if isinstance(node.operator, Module) and id(node.operator) not in seen:
            seen.add(id(node.operator))
            yield from _nodes(node.operator, seen)
        yield node


def _shown(types: tuple[TensorType, ...]) -> str:
    return ", ".join(map(str, types))


def _paths(checked: list[Checked], comments: list[Wanted], folder: Path) -> Iterator[Disagreement]:
    layers = [layer for c in checked if c.network is not None for layer in c.facts.flat.layers]
    for comment in (c for c in comments if c.sign == "@"):
        here = (layer.path for layer in layers if _line(layer.node.origin.span, folder) == (comment.file, comment.line))
        shown = ", ".join(dict.fromkeys(here))
        if shown != comment.text:
            yield comment.file, comment.line, f"wanted {comment.text}, found {shown or 'nothing'}"


def _line(span: Span, folder: Path) -> tuple[str, int]:
    return _file(span, folder), span.line


def _file(span: Span, folder: Path) -> str:
    """The name of a file of the page; that of a block in the prelude as messages show it."""
    path = Path(span.source.path)
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()
