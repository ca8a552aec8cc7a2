"""Every program of the pages in tests/cases is what its comments say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cases import PAGES, Case, cases, disagreements

PROGRAMS = [case for page in sorted(PAGES.rglob("*.md")) for case in cases(page)]


@pytest.mark.parametrize("case", PROGRAMS, ids=lambda case: case.id)
def test_program(case: Case, tmp_path: Path) -> None:
    found = disagreements(case, tmp_path)
    assert not found, "\n".join([f"{case.page.name}:{case.line}", *found])
