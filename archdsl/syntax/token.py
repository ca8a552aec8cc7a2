"""Tokens: a type of the grammar, the text, and where it stands."""

from __future__ import annotations

PAIRS = {"LBRACE": "RBRACE", "LPAR": "RPAR", "LSQB": "RSQB"}
"""The types of opening brackets with those of the closing ones."""


class Token:
    """One token; `start` and `end` are offsets into the source."""

    __slots__ = ("end", "start", "text", "type")

    def __init__(self, type: str, text: str, start: int, end: int) -> None:
        self.type = type
        self.text = text
        self.start = start
        self.end = end

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Token({self.type}, {self.text!r})"
