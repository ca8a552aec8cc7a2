"""Characters that look like others: what was pasted from a page, or typed on another keyboard."""

from __future__ import annotations

_CYRILLIC = ("АВЕЅІЈКМНОРСТУХаеѕіјорсухԁԛԝ", "ABESIJKMHOPCTYXaesijopcyxdqw")
_GREEK = ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧοινυ", "ABEZHIKMNOPTYXoivu")
_LETTERS = str.maketrans(*("".join(pair) for pair in zip(_CYRILLIC, _GREEK, strict=True)))


def in_ascii(text: str) -> str:
    """The text in the letters, digits and signs that it looks like: full-width ones, those of Cyrillic and of Greek."""
    if text.isascii():
        return text
    from unicodedata import normalize

    return normalize("NFKC", text).translate(_LETTERS)
