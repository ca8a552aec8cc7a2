"""What a check says, word for word: each file of tests/golden/diagnostics has specs, and below them the diagnostics."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from archdsl.lints import codes
from archdsl.pipeline import diagnostic_kinds, open_spec
from archdsl.source.render import render
from archdsl.source.styled import plain
from tests.support.cases import PAGES
from tests.support.golden import GOLDEN, assert_golden

FOLDER = GOLDEN / "diagnostics"
SECTION = re.compile(r"^=== (\S+)\n", re.MULTILINE)
SAID = "check"
ABOUT_FILES = {
    "not-text",
    "string-too-long",
    "too-many-words",
    "unknown-network",
    "unreadable-file",
    "unwritable-output",
}
"""Kinds that no text of a page has; other tests meet them."""


def sections(text: str) -> dict[str, str]:
    """The files of a golden file by name, in order; what a check says is the section `check`."""
    _, *parts = SECTION.split(text)
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_diagnostics(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = {name: text for name, text in sections(path.read_text("utf-8")).items() if name != SAID}
    for name, text in files.items():
        Path(name).write_text(text, "utf-8")
    spec = open_spec(next(iter(files)))
    said = plain(render(spec.findings([spec.check(name) for name in spec.networks])))
    shown = "".join(f"=== {name}\n{text}" for name, text in {**files, SAID: said}.items())
    assert_golden(f"diagnostics/{path.name}", shown)


def test_every_kind_is_met() -> None:
    """Each kind stands in a page or a golden file. Lints have examples of their own."""
    pages = "".join(page.read_text("utf-8") for page in PAGES.rglob("*.md"))
    files = [*FOLDER.glob("*.txt"), *(GOLDEN / "mistakes").glob("*.md")]
    goldens = "".join(path.read_text("utf-8") for path in files)
    met = {
        *re.findall(r"#! \d+ ([a-z-]+)", pages),
        *re.findall(r"^(?:error|warning)\[([a-z-]+)\]", goldens, re.MULTILINE),
    }
    assert set(diagnostic_kinds()) - met - set(codes()) == ABOUT_FILES
