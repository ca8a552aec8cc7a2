"""Widths of text in Arial and the fonts of its metrics (Arimo, Liberation Sans, Helvetica), without any font at hand."""

from __future__ import annotations

from unicodedata import normalize

_REGULAR = (
    "278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 278 278 584 "
    "584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 667 778 722 667 611 722 667 944 667 "
    "667 611 278 278 278 469 556 333 556 556 500 556 556 278 556 556 222 222 500 222 833 556 556 556 556 333 500 278 "
    "556 500 722 500 500 500 334 260 334 584"
)
_BOLD = (
    "278 333 474 556 556 889 722 238 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 333 333 584 "
    "584 584 611 975 722 722 722 722 667 611 778 722 278 556 722 611 833 722 778 667 778 722 667 611 722 667 944 667 "
    "667 611 333 278 333 584 556 333 556 611 556 611 556 333 611 611 278 278 556 278 889 611 611 611 611 389 556 333 "
    "611 556 778 556 556 500 389 280 389 584"
)
_SIGNS = {"\N{NO-BREAK SPACE}": 278, "×": 584, "·": 333, "↓": 500, "↑": 500, "…": 1000, "\N{MINUS SIGN}": 584}
_UNKNOWN = 1000


def _table(widths: str) -> dict[str, int]:
    return {chr(32 + i): int(w) for i, w in enumerate(widths.split())} | _SIGNS


_TABLES = {False: _table(_REGULAR), True: _table(_BOLD)}


def is_measured(text: str) -> bool:
    """Whether the width of every character is known."""
    return all(c in _TABLES[False] for c in text)


def width(text: str, size: float, bold: bool = False) -> float:
    """Points that `text` takes at a font size; an unknown letter takes its base letter's width, any other sign an em."""
    table = _TABLES[bold]
    return sum(table.get(c) or table.get(normalize("NFD", c)[0], _UNKNOWN) for c in text) * size / 1000


def fitted(text: str, room: float, size: float, bold: bool = False) -> str:
    """The text, cut short with an ellipsis where it takes more than `room` points."""
    if width(text, size, bold) <= room:
        return text
    left = room - width("…", size, bold)
    for index, character in enumerate(text):
        left -= width(character, size, bold)
        if left < 0:
            return text[:index].rstrip() + "…"
    return text
