"""The pages hold: links lead somewhere, commands print and code gives what the page shows. See docs/contributing/docs.md.

`UPDATE_GOLDEN=1 pytest tests/architecture/test_docs.py` writes into the pages what the commands print now.
"""

from __future__ import annotations

import doctest
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from archdsl.pipeline import diagnostic_kinds, open_spec
from archdsl.source import Diagnostic
from archdsl.source.render import render
from archdsl.source.styled import plain
from tests.architecture.source_tree import ROOT, pages, shown
from tests.support.pages import Block, Command, blocks, commands, is_gap, output_pattern, with_output

LINK = re.compile(r"\[[^\]]*\]\(<?([^)>\s]+)>?(?: \"[^\"]*\")?\)|(?:src|srcset|href)=\"([^\"]+)\"")


def run(command: Command, folder: Path) -> tuple[int, list[str]]:
    """The exit code of a command, and the lines that it prints."""
    _, *arguments = shlex.split(command.text, comments=True)
    environment = {k: v for k, v in os.environ.items() if k not in {"FORCE_COLOR", "COLUMNS"}}
    environment |= {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "archdsl", *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=300,
    )
    return done.returncode, [line.rstrip() for line in done.stdout.splitlines()]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder of a page: `specs/`, an empty `build/`, and what the page puts there. Its modules are importable."""
    shutil.copytree(ROOT / "specs", tmp_path / "specs")
    (tmp_path / "build").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.parametrize("page", pages(), ids=shown)
def test_a_page_does_what_it_shows(page: Path, folder: Path) -> None:
    """The blocks of a page run in order in one folder: files are written, specs checked, commands and Python run."""
    names: dict[str, Any] = {}
    for block in list(blocks(page.read_text("utf-8"))):
        where = f"{shown(page)}:{block.line}"
        if "file" in block.options:
            (folder / block.options["file"]).write_text(block.text, "utf-8")
        elif block.language == "arch":
            problems = found_in(block, folder)
            assert codes(problems) == block.options.get("finds", ""), f"{where}\n{plain(render(problems))}"
        if block.language == "pycon":
            run_python(block, names, where)
        if block.language == "console":
            for command in commands(block):
                if command.text.split()[0] == "archdsl":
                    check_command(page, command, folder)


def check_command(page: Path, command: Command, folder: Path) -> None:
    code, printed = run(command, folder)
    where = f"{shown(page)}:{command.line}: {command.text}"
    assert code == command.exit and "Traceback (most recent call last):" not in printed, "\n".join([where, *printed])
    matches = not command.output or output_pattern(command.output).fullmatch("".join(f"{line}\n" for line in printed))
    if not matches and os.environ.get("UPDATE_GOLDEN") and not any(map(is_gap, command.output)):
        rewrite(page, command, printed)
        matches = True
    assert matches, "\n".join([where, *printed])


def rewrite(page: Path, command: Command, printed: list[str]) -> None:
    """Puts the output of a command into its page, where it stands now."""
    text = page.read_text("utf-8")
    now = next(
        other
        for block in blocks(text)
        if block.language == "console"
        for other in commands(block)
        if (other.text, other.output) == (command.text, command.output)
    )
    page.write_text(with_output(text, now, printed), "utf-8")


def found_in(block: Block, folder: Path) -> list[Diagnostic]:
    """What the check of a spec finds: errors, failing claims and lints; hints where the page speaks of one."""
    path = folder / "page.arch"
    path.write_text(block.text, "utf-8")
    spec = open_spec(path)
    hints = {kind.code for kind in diagnostic_kinds().values() if kind.severity == "info"}
    said = set(block.options.get("finds", "").split(","))
    problems = spec.findings([spec.check(name) for name in spec.networks], info=not hints.isdisjoint(said))
    assert spec.program.file.items or problems, "the spec declares nothing"
    return problems


def codes(problems: list[Diagnostic]) -> str:
    return ",".join(sorted({problem.code for problem in problems}))


def run_python(block: Block, names: dict[str, Any], where: str) -> None:
    """Runs the lines after `>>>` and compares what they print."""
    parts = doctest.DocTestParser().get_doctest(block.text, names, where, where, block.line - 1)
    assert parts.examples, f"{where} has no line that begins with >>>"
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    said: list[str] = []
    runner.run(parts, out=said.append, clear_globs=False)
    names.update(parts.globs)
    assert not runner.failures, "".join(said)


@pytest.mark.parametrize("page", pages(), ids=shown)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^(`{3,}).*?^\1", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    targets = [m[1] or m[2] for m in LINK.finditer(re.sub(r"`[^`\n]*`", "", text))]
    dead = [target for target in targets if not re.match(r"[a-z]+:", target) and not leads_somewhere(page, target)]
    assert not dead


def leads_somewhere(page: Path, target: str) -> bool:
    """Whether a relative link names a file of the project and, after `#`, one of its headings."""
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    if not file.exists() or not file.is_relative_to(ROOT):
        return False
    return not anchor or anchor in anchors(file.read_text("utf-8"))


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_blocks_are_read_as_the_convention_says() -> None:
    page = "text\n```console exit=1\n$ archdsl check a.arch  # why\none\n  ...\n$ archdsl check b.arch\n```\n"
    (block,) = blocks(page)
    first, second = commands(block)
    assert first == Command(3, "archdsl check a.arch  # why", 1, ["one", "  ..."])
    assert second == Command(6, "archdsl check b.arch", 1, [])
    assert with_output(page, first, ["two"]) == page.replace("one\n  ...\n", "two\n")


def test_specs_of_a_page_are_checked(tmp_path: Path) -> None:
    spec = "network A {\n  input image: [3, 7, 7]\n  conv(1, 3x3, stride=3)\n  expect params == 1\n}"
    assert codes(found_in(Block(1, "arch", {}, spec.splitlines()), tmp_path)) == "claim-fails,unread-rows"
    assert codes(found_in(Block(1, "arch", {}, ["network A {"]), tmp_path)) == "unclosed"


def test_python_of_a_page_is_compared() -> None:
    names: dict[str, Any] = {}
    run_python(Block(1, "pycon", {}, [">>> a = 1"]), names, "page")
    run_python(Block(1, "pycon", {}, [">>> a + 1", "2"]), names, "page")
    with pytest.raises(AssertionError):
        run_python(Block(1, "pycon", {}, [">>> a", "2"]), names, "page")


@pytest.mark.parametrize(
    ("shown_lines", "printed", "matches"),
    [
        (["a", "b"], "a\nb\n", True),
        (["a"], "a\nb\n", False),
        (["a", "..."], "a\nb\nc\n", True),
        (["a", "...", "c"], "a\nc\n", True),
        (["...", "b"], "a\nc\n", False),
        (["1.5"], "1x5\n", False),
    ],
)
def test_shown_output_is_compared_line_by_line(shown_lines: list[str], printed: str, matches: bool) -> None:
    assert (output_pattern(shown_lines).fullmatch(printed) is not None) == matches
