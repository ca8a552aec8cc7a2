"""Golden files: expected texts under tests/golden. `UPDATE_GOLDEN=1 pytest` rewrites them, to be read in the diff."""

from __future__ import annotations

import os
from difflib import unified_diff
from pathlib import Path

GOLDEN = Path(__file__).parents[1] / "golden"


def assert_golden(name: str, text: str) -> None:
    """Compares a text with the file of that name."""
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    assert path.is_file(), f"{path.name} is missing: run with UPDATE_GOLDEN=1"
    before = path.read_text("utf-8")
    assert text == before, "".join(unified_diff(before.splitlines(True), text.splitlines(True), path.name, "now"))
