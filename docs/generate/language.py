"""The operators in the reference of the language: all at a glance, so that a spec can be written from that page alone."""

from __future__ import annotations

import re
from pathlib import Path

from archdsl.ops import catalogue
from archdsl.prelude import names
from docs.generate.markdown import code, table
from docs.generate.operators import CATEGORIES, signature

_SECTION = re.compile(r"(?<=^## Operators\n).*?(?=^## )", re.MULTILINE | re.DOTALL)
_HEAD = """
All operators; [a page for each](ops/README.md) says what it does. Attributes before the `;` may be given by position,
the others by name. Axes count from 0 without the batch, and `-1` is the last.
"""
_TAIL = "Blocks of the prelude are used like operators; [their page](prelude.md) has their text: "


def language_page(path: Path) -> str:
    """The hand-written page with its list of operators as the code has them now."""
    rows = []
    for category, title in CATEGORIES.items():
        ops = [op for op in catalogue().values() if op.category == category]
        rows.append([title.lower(), " ".join(code(signature(op)) for op in ops)])
    blocks = ", ".join(map(code, names()))
    section = f"{_HEAD}\n" + "\n".join(table(["", "operators"], rows)) + f"\n\n{_TAIL}{blocks}.\n\n"
    return _SECTION.sub(lambda _: section, path.read_text("utf-8"))
