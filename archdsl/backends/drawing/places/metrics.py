"""Widths of text in Arial and the fonts of its metrics (Arimo, Liberation Sans, Helvetica), without any font at hand."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
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
_SIGNS = {
    "\N{NO-BREAK SPACE}": 278,
    "×": 584,
    "·": 333,
    "↓": 500,
    "↑": 500,
    "…": 1000,
    "≠": 549,
    "≤": 549,
    "≥": 549,
    "\N{MINUS SIGN}": 584,
}
_UNKNOWN = 1000


def _table(widths: str) -> dict[str, int]:
    return {chr(32 + i): int(w) for i, w in enumerate(widths.split())} | _SIGNS


_TABLES = {False: _table(_REGULAR), True: _table(_BOLD)}


def is_measured(text: str) -> bool:
    """Whether the width of every character is known."""
    return all(c in _TABLES[False] for c in text)


def width(text: str, size: float, bold: bool = False) -> float:
    """Points that `text` takes at a font size."""
    return sum(_advances(text, bold)) * size / 1000


@lru_cache(2**12)  # a picture says the same of many layers, and places them more than once
def room(text: str, size: float, bold: bool = False) -> float:
    """Points to leave for `text`: Graphviz measures letters in whole pixels at 96 dpi, some builds the sum in whole points."""
    pixels = sum(round(w * size / 750) for w in _advances(text, bold))
    return max(width(text, size, bold), pixels * 0.75 // 1 + 1) if text else 0


def fitted(text: str, most: float, size: float, bold: bool = False) -> str:
    """The text, cut short with an ellipsis where it takes more than `most` points."""
    if room(text, size, bold) <= most:
        return text
    left = most - room("…", size, bold)
    for index, character in enumerate(text):
        left -= room(character, size, bold)
        if left < 0:
            return text[:index].rstrip() + "…"
    return text


def _advances(text: str, bold: bool) -> Iterator[int]:
    """Widths in thousandths of the size. An unknown letter has its base letter's, any other sign an em."""
    table = _TABLES[bold]
    for character in text:
        yield table.get(character) or table.get(normalize("NFD", character)[0], _UNKNOWN)
