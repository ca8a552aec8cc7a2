"""Writes what is read from the code: operators, prelude, diagnostics, lints, the JSON schema, bundled specs; pictures.

`make docs` runs it as `python -m docs.generate`; tests/unit/test_reference.py holds the committed pages against it.
"""

from __future__ import annotations

from pathlib import Path

from archdsl.ops import catalogue
from archdsl.reports.json.published import json_schema
from docs.generate.budgets import budgets_page
from docs.generate.diagnostics import diagnostics_page, lints_page
from docs.generate.gallery import DRAWN, gallery_page
from docs.generate.language import language_page
from docs.generate.lectures import lectures_page
from docs.generate.operators import operator_index, operator_page
from docs.generate.prelude import prelude_page
from docs.generate.schema import schema_page
from docs.generate.specs import specs_page

ROOT = Path(__file__).resolve().parents[2]
OPERATORS = ROOT / "docs/reference/ops"
IMAGES = ROOT / "docs/images"


def pages() -> dict[Path, str]:
    """Every generated page: its file and its text."""
    reference = ROOT / "docs/reference"
    return {
        **{OPERATORS / f"{name}.md": operator_page(op) for name, op in catalogue().items()},
        OPERATORS / "README.md": operator_index(),
        reference / "budgets.md": budgets_page(),
        reference / "diagnostics.md": diagnostics_page(),
        reference / "language.md": language_page(reference / "language.md"),
        reference / "lints.md": lints_page(),
        reference / "prelude.md": prelude_page(),
        reference / "lecture-claims.md": lectures_page(ROOT / "tests/data/lecture_claims.json"),
        reference / "report-json.md": schema_page(),
        reference / "report.schema.json": json_schema(),
        ROOT / "docs/gallery.md": gallery_page(),
        ROOT / "specs/README.md": specs_page(ROOT / "specs"),
    }


def write_pages() -> None:
    """Writes all pages, and removes those of operators that are no more."""
    texts = pages()
    for path in set(OPERATORS.glob("*.md")) - set(texts):
        path.unlink()
    OPERATORS.mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        path.write_text(text, "utf-8")


def draw_pictures() -> None:
    """Draws all pictures, by the commands that stand below them."""
    from archdsl.cli import main

    IMAGES.mkdir(exist_ok=True)
    for name, picture in DRAWN.items():
        main(
            ["draw", str(ROOT / "specs" / picture.network), *picture.options.split(), "-o", str(IMAGES / f"{name}.svg")]
        )
