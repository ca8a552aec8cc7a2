"""Text with styles, as plain data: the one form that every printed page takes before it reaches a terminal.

A line is a list of pieces; a style is a name (`error`, `dim`, `kind.conv`), never an escape sequence.
Piped output joins the texts; a terminal gets colours for the names (`archdsl.cli.terminal`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

_PLAIN = re.compile(r"[\0-\u02ff\u2010-\u2027\u2260-\u2265\u2500-\u259f]*")
"""Text whose characters take a column each: letters, dots and dashes, signs, and what lines and bars are drawn with."""


class Piece(NamedTuple):
    text: str
    style: str = ""


Line = list[Piece]


def text_of(pieces: Iterable[Piece]) -> str:
    """The text without styles."""
    return "".join([piece.text for piece in pieces])


def plain(lines: Iterable[Line]) -> str:
    """The lines as text without styles, each ended by a newline and without trailing blanks."""
    return "".join(text_of(line).rstrip() + "\n" for line in lines)


def printable(text: str) -> str:
    """The text with control characters, which a name in a spec may hold and a terminal would obey, as their escapes."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def width(text: str) -> int:
    """Columns that `text` takes in a terminal: wide characters take two, combining marks none."""
    if text.isascii() or _PLAIN.fullmatch(text):
        return len(text)
    return len(text) + sum(map(_further, text))


def _further(c: str) -> int:
    """How many columns more than one a character takes."""
    return -1 if unicodedata.combining(c) else 1 if unicodedata.east_asian_width(c) in "WF" else 0
