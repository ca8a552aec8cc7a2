"""Text that is no token: numbers that run into letters, and characters that mean nothing."""

from __future__ import annotations

import re

from archdsl.source import Diagnostic, Edit, Kind, Label, Source, Span

MALFORMED_NUMBER = Kind(
    "malformed-number",
    "error",
    "A run of digits touches a letter: `4k`, `3x`, `0x10`. Sizes are written out, `4_000`; windows are digits joined by "
    "`x`, `3x3`; the units k, M, G, T and kB, MiB, ... are for claims alone.",
)
UNEXPECTED_CHARACTER = Kind(
    "unexpected-character", "error", "A character that means nothing in the language, outside of a string or comment."
)
NUMBER_LENGTH = 100

_WRITTEN = {
    "\u00d7": "x", "\u2192": "->", "\u21d2": "->", "\u27f6": "->", "&": "and", "!": "not ", "@": "matmul", "\u2212": "-",
    "\u2264": "<=", "\u2265": ">=", "\u2260": "!=", "\u2248": "~", "\u00b7": "*", "\u2026": "..",
}  # fmt: skip
"""Signs that have another spelling here."""
_QUOTES = dict.fromkeys("'`\u201c\u201d", ('strings stand in double quotes: "..."',))
_DASHES = "\u2013\u2014"


def malformed_number(span: Span) -> Diagnostic:
    """Digits that touch letters, have two points, or are too many."""
    lexeme = span.text
    shown = lexeme if len(lexeme) <= NUMBER_LENGTH else lexeme[:20] + "..."
    meant = _meant(lexeme)
    return Diagnostic(
        MALFORMED_NUMBER,
        f"`{shown}` is no number: {_fault(lexeme)}",
        Label(span),
        helps=(f"write `{meant}`",) if meant else (),
        edit=Edit(span, meant) if meant else None,
    )


def malformed_name(span: Span) -> Diagnostic:
    """A name or label that begins with a digit."""
    return Diagnostic(
        MALFORMED_NUMBER,
        f"a name does not begin with a digit: `{span.text[:NUMBER_LENGTH]}`",
        Label(span),
        helps=("begin it with a letter or `_`",),
    )


def _fault(lexeme: str) -> str:
    if len(lexeme) > NUMBER_LENGTH:
        return f"{len(lexeme):_} characters, where {NUMBER_LENGTH} are allowed"
    if re.fullmatch(r"0[xXbBoO][0-9a-fA-F_]+", lexeme):
        return "numbers are decimal"
    if re.fullmatch(r"[0-9]+(x[0-9]+)+", lexeme):
        return "the sizes of a window begin with 1 to 9"
    if re.fullmatch(r"\d+[xX]", lexeme):
        return "a window has a size for each axis"
    if re.fullmatch(r"\d+(X\d+)+", lexeme):
        return "a window has a small `x`"
    return "digits and letters touch" if re.search(r"[^0-9._]", lexeme) else "a number has one decimal point"


def _meant(lexeme: str) -> str | None:
    """The number that was most likely meant."""
    if len(lexeme) > NUMBER_LENGTH:
        return None
    if re.fullmatch(r"0[xX][0-9a-fA-F]{1,10}", lexeme) and not re.fullmatch(r"0x[0-9]", lexeme):
        return str(int(lexeme, 16))
    if re.fullmatch(r"[1-9]\d*(X[1-9]\d*)+", lexeme):
        return lexeme.lower()
    if re.fullmatch(r"[1-9]\d*[xX]", lexeme):
        return f"{lexeme[:-1]}x{lexeme[:-1]}"
    if re.fullmatch(r"0*[1-9]\d*(x0*[1-9]\d*)+", lexeme):
        return "x".join(size.lstrip("0") for size in lexeme.split("x"))
    unit = re.fullmatch(r"([0-9][0-9_]*(?:\.[0-9]+)?[kKMGT])(?:MACs?|macs?|FLOPs?|FLOPS|params?|Params?)", lexeme)
    return unit[1] if unit else None


def unexpected_character(source: Source, at: int) -> Diagnostic:
    """A character that begins no token."""
    from unicodedata import combining

    lexeme = source.text[at]
    end = at + (2 if source.text[at : at + 2] in ("&&", "!!") else 1)
    is_arrow = lexeme in _DASHES and source.text[at - 1 : at] == " " == source.text[end : end + 1]
    meant = "->" if is_arrow else "-" if lexeme in _DASHES else _WRITTEN.get(lexeme)
    shown = lexeme if lexeme.isprintable() and not combining(lexeme) else f"U+{ord(lexeme):04X}"
    span = Span(source, at, end)
    return Diagnostic(
        UNEXPECTED_CHARACTER,
        f"unexpected character `{shown}`",
        Label(span),
        helps=(f"write `{meant.strip()}`",)
        if meant
        else ('strings stand in double quotes: "..."',) * (lexeme in "'`\u201c\u201d"),
        edit=Edit(span, meant) if meant else None,
    )
