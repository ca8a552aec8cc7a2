"""The wrong specs of tests/golden/mistakes: what is said of each, word for word, and that its fix mends it."""

from __future__ import annotations

from pathlib import Path

import pytest

from archdsl.cli import main
from archdsl.fix import mend
from tests.support.golden import assert_golden
from tests.support.mistakes import PAGES, findings, section, sections

MISTAKES = [mistake for page in PAGES for mistake in sections(page)[1]]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_is_said(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head, mistakes = sections(page)
    written = [head]
    for number, mistake in enumerate(mistakes):
        folder = tmp_path / str(number)
        folder.mkdir()
        monkeypatch.chdir(folder)
        written.append(section(mistake, mistake.write(folder)))
    assert_golden(f"mistakes/{page.name}", "\n".join(part.rstrip("\n") + "\n" for part in written))


def test_the_corpus_is_large() -> None:
    assert len(MISTAKES) >= 480
    assert len({(mistake.page, mistake.title) for mistake in MISTAKES}) == len(MISTAKES)


TWICE = {
    "A reserved word as a name",
    "An operator with capitals",
    "Several slips in a line",
    "`Gemm`",
    "`GlobalAveragePool`",
    "`Relu`",
}
"""Mistakes that are told at each place where they stand."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_one_mistake_is_told_once_and_its_fix_mends_it(page: Path, tmp_path: Path) -> None:
    """What a fix leaves has no error, neither the one that it came with nor a new one."""
    for number, mistake in enumerate(sections(page)[1]):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = folder / mistake.write(folder)
        found = findings(path)
        assert len(found) == 1 or mistake.title in TWICE, mistake.title
        assert main(["check", str(path)]) == int(any(d.severity == "error" for d in found)), mistake.title
        edits = [d.edit for d in found if d.edit is not None and d.edit.span.source.path == str(path)]
        mended = mend(str(path), None)
        assert bool(edits) == bool(mended.done), mistake.title
        mended.write()
        after = [d.message for d in findings(path) if d.severity == "error"]
        assert not (edits and after), (mistake.title, after)


def test_many_mistakes_can_be_mended() -> None:
    pages = "".join(page.read_text("utf-8") for page in PAGES)
    assert pages.count("```diff\n") >= 250
