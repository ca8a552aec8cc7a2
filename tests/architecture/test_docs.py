"""The pages hold: links lead somewhere, and commands print what the page shows. See docs/contributing/docs.md."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.architecture.source_tree import ROOT, pages, shown

FENCE = re.compile(r"^(?P<fence>`{3,})(?P<language>\w*) *(?P<options>.*)$")
LINK = re.compile(r"\[[^\]]*\]\(<?([^)>\s]+)>?(?: \"[^\"]*\")?\)|(?:src|srcset|href)=\"([^\"]+)\"")


class Block(NamedTuple):
    """A fenced block: where its text begins, its language, what follows the language, and its lines."""

    line: int
    language: str
    options: dict[str, str]
    lines: list[str]


class Command(NamedTuple):
    """A command of a `console` block with the output that the page shows, if any."""

    line: int
    text: str
    exit: int
    output: list[str]


def blocks(text: str) -> Iterator[Block]:
    lines = iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        opening = FENCE.match(line)
        if opening:
            inside = []
            for _, line in lines:
                if line.rstrip() == opening["fence"]:
                    break
                inside.append(line)
            options = dict(option.partition("=")[::2] for option in opening["options"].split())
            yield Block(number + 1, opening["language"], options, inside)


def commands(block: Block) -> Iterator[Command]:
    starts = [i for i, line in enumerate(block.lines) if line.startswith("$ ")]
    for start, end in zip(starts, [*starts[1:], len(block.lines)], strict=True):
        text = block.lines[start][2:]
        yield Command(block.line + start, text, int(block.options.get("exit", 0)), block.lines[start + 1 : end])


def output_pattern(lines: list[str]) -> re.Pattern[str]:
    """Matches the output that a page shows: line by line, where a line `...` stands for any number of lines."""
    parts = (r"(?:.*\n)*" if line.strip() == "..." else re.escape(line.rstrip()) + r"\n" for line in lines)
    return re.compile("".join(parts))


def run(command: Command, folder: Path) -> subprocess.CompletedProcess[str]:
    _, *arguments = shlex.split(command.text, comments=True)
    environment = {k: v for k, v in os.environ.items() if k not in {"FORCE_COLOR", "COLUMNS"}}
    environment |= {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "archdsl", *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=300,
    )


@pytest.mark.parametrize("page", pages(), ids=shown)
def test_commands_do_what_the_page_shows(page: Path, tmp_path: Path) -> None:
    """The commands of a page run in order in one folder, which holds `specs/` and the files that the page shows."""
    shutil.copytree(ROOT / "specs", tmp_path / "specs")
    (tmp_path / "build").mkdir()
    for block in blocks(page.read_text("utf-8")):
        if "file" in block.options:
            (tmp_path / block.options["file"]).write_text("\n".join(block.lines) + "\n", "utf-8")
        if block.language != "console":
            continue
        for command in commands(block):
            if command.text.split()[0] != "archdsl":
                continue
            done = run(command, tmp_path)
            where = f"{shown(page)}:{command.line}: {command.text}\n{done.stdout}"
            assert done.returncode == command.exit, where
            printed = "".join(line.rstrip() + "\n" for line in done.stdout.splitlines())
            assert not command.output or output_pattern(command.output).fullmatch(printed), where


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
    assert list(commands(block)) == [
        Command(3, "archdsl check a.arch  # why", 1, ["one", "  ..."]),
        Command(6, "archdsl check b.arch", 1, []),
    ]


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
