"""Scripts and stylesheets without what only their readers need: comments, indentation, blanks around signs.

What it relies on, and our files keep to: every statement ends with a semicolon, a slash that divides has a blank after
it, and templates do not stand within templates.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_SCRIPT = re.compile(
    r"""
    (?P<blank> \s+ | //[^\n]* | /\*.*?\*/ )
    | (?P<text> "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*'
        | `(?:\\.|\$\{[^`{}]*\}|[^`\\$]|\$(?!\{))*`
        | /(?=\S)(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\\n\[])+/[a-z]* )
    | (?P<word> [\w$]+ )
    | (?P<sign> [^`"'] )
    """,
    re.VERBOSE | re.DOTALL,
)


def compact_script(text: str) -> str:
    """JavaScript with a blank only where two words, or two signs that would become one, stand beside each other.

    `const` becomes `let`, which is shorter, and the same to a script that runs; declarations in a row become one.

    Raises:
        ValueError: a text or a template does not end, or a template stands within another.
    """
    parts: list[str] = []
    is_apart, place = False, 0
    for found in _SCRIPT.finditer(text):
        if found.start() != place:
            break
        place = found.end()
        if found.lastgroup == "blank":
            is_apart = True
            continue
        if is_apart and parts and _join(parts[-1][-1], found[0][0]):
            parts.append(" ")
        _trim(parts, found[0])
        parts.append(_shorter(found[0]))
        is_apart = False
    if place != len(text):
        raise ValueError(f"not a token: {text[place : place + 40]!r}")
    return "".join(_declared(parts))


def _declared(parts: Iterable[str]) -> list[str]:
    """`let a=1;let b=2` as `let a=1,b=2`."""
    found: list[str] = []
    lets, is_first, is_merged = [False], True, False
    for part in parts:
        if is_merged and part == " ":
            continue
        is_merged = part == "let" and is_first and lets[-1]
        if is_merged:
            found[-1], is_first = ",", False
            continue
        if is_first:
            lets[-1] = part == "let"
        if part in "([{":
            lets.append(False)
        elif part in ")]}":
            lets.pop()
        is_first = part in ";{"
        found.append(part)
    return found


def _shorter(token: str) -> str:
    if token[0] == "`":
        return re.sub(r"(?<=\$\{)[^`{}]*", lambda inside: compact_script(inside[0]), token)
    return "let" if token == "const" else token


def _trim(parts: list[str], sign: str) -> None:
    """Takes out what is not needed before a sign: the end of a list, and the brackets of a single parameter."""
    if parts and sign in {",": ")]}", ";": "}"}.get(parts[-1], ""):
        parts.pop()
    if sign == ">" and parts[-1] == "=" and parts[-4] == "(" and parts[-2] == ")" and not _is_word(parts[-5][-1]):
        parts[-4:] = parts[-3], "="


def _join(before: str, after: str) -> bool:
    """Whether two characters without a blank between them would be read as one word or sign."""
    return (_is_word(before) and _is_word(after)) or before + after in ("++", "--")


def _is_word(character: str) -> bool:
    return character.isalnum() or character in "_$"


def compact_style(text: str) -> str:
    """CSS without comments and without blanks that separate nothing."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    text = re.sub(r"\s*([{};,>])\s*|(?<=:) +", lambda found: found[1] or "", text)
    return text.replace(";}", "}").strip()
