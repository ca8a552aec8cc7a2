"""The corpus of wrong specs: pages of tests/golden/mistakes, a section for each mistake.

A section has the files of a spec, then what `archdsl check` says of it, then what `--fix` changes, if it can.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from archdsl.fix import mend
from archdsl.pipeline import open_spec
from archdsl.source import Diagnostic
from archdsl.source.render import render
from archdsl.source.styled import plain
from tests.support.golden import GOLDEN

PAGES = sorted((GOLDEN / "mistakes").glob("*.md"))
MAIN = "case.arch"
_SECTION = re.compile(r"^(?=## )", re.MULTILINE)
_SPEC = re.compile(r"^```arch ?(\S*)\n(.*?)^```\n", re.MULTILINE | re.DOTALL)


class Mistake(NamedTuple):
    """One section of a page; the first of its files is the one that is checked."""

    page: str
    title: str
    prose: str
    files: dict[str, str]

    def write(self, folder: Path) -> str:
        """Writes the files of the spec into a folder; the name of the first."""
        for name, text in self.files.items():
            (folder / name).write_text(text, "utf-8")
        return next(iter(self.files))


def sections(page: Path) -> tuple[str, list[Mistake]]:
    """The head of a page, and its mistakes."""
    head, *parts = _SECTION.split(page.read_text("utf-8"))
    return head, [_mistake(page.stem, part) for part in parts]


def _mistake(page: str, part: str) -> Mistake:
    title, _, rest = part.partition("\n")
    files = {name or MAIN: text for name, text in _SPEC.findall(rest)}
    return Mistake(page, title.removeprefix("## "), rest.partition("```")[0].strip(), files)


def findings(path: str | Path) -> list[Diagnostic]:
    """What a check finds, claims and lints included."""
    spec = open_spec(path)
    return spec.findings([spec.check(name) for name in spec.networks])


def section(mistake: Mistake, name: str) -> str:
    """A section as it should be; its files lie in the current folder."""
    parts = [f"## {mistake.title}\n", *([f"{mistake.prose}\n"] if mistake.prose else [])]
    for file, text in mistake.files.items():
        parts.append(f"```arch{'' if file == MAIN else ' ' + file}\n{text}```\n")
    parts.append(f"```text\n{plain(render(findings(name)))[:-1]}```\n")
    changes = [line for line in mend(name, None).diff().splitlines()[3:] if line[:1] in "+-"]
    if changes:
        parts.append("```diff\n" + "".join(f"{line}\n" for line in changes) + "```\n")
    return "\n".join(parts)
