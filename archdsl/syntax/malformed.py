"""Text that is no token: numbers that run into letters, and characters that mean nothing."""

from __future__ import annotations

import re

from archdsl.source import Diagnostic, Edit, Kind, Label, Source, Span, in_ascii

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
    "\u2192": "->", "\u21d2": "->", "\u27f6": "->", "\u2794": "->", "\u27a1": "->", "\u21a6": "->", "&": "and",
    "!": "not ", "\u00ac": "not ", "\u2227": "and", "\u2228": "or", "\u2212": "-", "\u2264": "<=", "\u2265": ">=",
    "\u2260": "!=", "\u2248": "~", "\u2243": "~", "\u2245": "~", "\u223c": "~", "\u00b7": "*", "\u22c5": "*", "\u2217": "*",
    "\u00f7": "/", "\u2215": "/", "\u2026": "..",
}  # fmt: skip
"""Signs that have another spelling here."""
_ADVICE = {
    "?": "`a if c else b` chooses; an open size has a name: `H`",
    "@": "`matmul { | a | b }` multiplies matrices; nothing is decorated",
    "\\": "a line goes on behind `->` or `,`, inside of parentheses, and before `->`",
    "\u00b1": "`within 2%` gives the figure of a claim room",
    "\u221e": "a size that is not known has a name: `H`",
    "\u2295": "`add { | a | b }` adds values",
    "\u2297": "`multiply { | a | b }` multiplies values",
}
_QUOTES = "'`\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb"
_SUPERSCRIPTS = str.maketrans("\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079", "0123456789")
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
    unit = re.fullmatch(
        r"([0-9][0-9_]*(?:\.[0-9]+)?[kKmMgGtTbB])(?:MACs?|macs?|FLOPs?|FLOPS|params?|Params?|n|il)?", lexeme
    )
    if unit is not None:
        return unit[1][:-1] + {"b": "G"}.get(unit[1][-1].lower(), unit[1][-1].upper().replace("K", unit[1][-1]))
    size = re.fullmatch(r"([0-9][0-9_]*(?:\.[0-9]+)?)([kmgt])(i?)b", lexeme, re.IGNORECASE)
    if size is not None:
        return f"{size[1]}{size[2].upper()}{size[3].lower()}B"
    power = re.fullmatch(r"([0-9]+)([\u2070\u00b9\u00b2\u00b3\u2074-\u2079]+)", lexeme)
    if power is not None:
        return f"{power[1]}^{power[2].translate(_SUPERSCRIPTS)}"
    looks = in_ascii(lexeme)
    return looks if looks != lexeme and re.fullmatch(r"[1-9]\d*(x[1-9]\d*)*", looks) else None


def unexpected_character(source: Source, at: int) -> Diagnostic:
    """A character that begins no token."""
    from unicodedata import category, combining

    lexeme = source.text[at]
    end = at + (2 if source.text[at : at + 2] in ("&&", "!!") else 1)
    shown = lexeme if lexeme.isprintable() and not combining(lexeme) else f"U+{ord(lexeme):04X}"
    span = Span(source, at, end)
    meant = "" if category(lexeme) == "Cf" else _spelling(lexeme, source.text[at - 1 : at], source.text[end : end + 1])
    return Diagnostic(
        UNEXPECTED_CHARACTER,
        f"unexpected character `{shown}`",
        Label(span),
        helps=_help(lexeme, meant),
        edit=None if meant is None else Edit(span, meant),
    )


def _spelling(sign: str, before: str, after: str) -> str | None:
    """What a sign is written as here, between its neighbours."""
    if sign in _DASHES:
        return "->" if before == " " == after else "-"
    if sign == "\u00d7":
        return "x" if before.isdigit() and after.isdigit() else "*"
    if sign.isspace():
        return " "
    looks = in_ascii(sign)
    return _WRITTEN.get(sign) or (looks if looks != sign and looks.isascii() and sign not in _QUOTES else None)


def _help(sign: str, meant: str | None) -> tuple[str, ...]:
    if sign in _QUOTES:
        return ('strings stand in double quotes: "..."',)
    if meant is None:
        return (_ADVICE[sign],) if sign in _ADVICE else ()
    return (
        f"write `{meant.strip()}`"
        if meant.strip()
        else "it looks like a blank: write one"
        if meant
        else "leave it out: it cannot be seen",
    )
