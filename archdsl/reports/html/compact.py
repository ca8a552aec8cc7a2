"""Scripts and stylesheets without what only their readers need: comments, indentation, blanks around signs.

What it relies on, and our files keep to: every statement ends with a semicolon, a slash that divides has a blank after
it, templates do not stand within templates, and what is declared at the start of a line is for the whole script.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import count

_DECLARED = re.compile(r"^(?:function|class|const) (\w{4,})", re.MULTILINE)
_INSIDE = re.compile(r"(?<=\$\{)[^`{}]*")
"""What stands in the braces of a template."""
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


def with_short_names(text: str, public: str = "") -> str:
    """JavaScript with short names for what it declares at the start of a line, but for what is `public`.

    A name stays where it may be a property too: after a dot, before a colon, in a list within braces, or as a method.
    """
    uses = [*_uses(text)]
    kept = {name for before, name, after in uses if _may_be_property(before, after)}
    taken = {name for _, name, _ in uses}
    fresh = (name for number in count() if (name := f"${number:x}") not in taken)
    names = [name for name in _DECLARED.findall(text) if name not in (*kept, public)]
    return _renamed(text, dict(zip(names, fresh, strict=False)))


def _uses(text: str) -> Iterator[tuple[str, str, str]]:
    """Each word with the tokens before and after it."""
    tokens = [found for found in _SCRIPT.finditer(text) if found.lastgroup != "blank"]
    for index, found in enumerate(tokens):
        before, after = (tokens[i][0] if 0 <= i < len(tokens) else "" for i in (index - 1, index + 1))
        if found.lastgroup == "word":
            yield before, found[0], after
        elif found[0][0] == "`":
            for inside in _INSIDE.findall(found[0]):
                yield from _uses(inside)


def _may_be_property(before: str, after: str) -> bool:
    is_called = before in (*"{};", "get") and after == "("
    return before == "." or after == ":" or is_called or (before in tuple("{,") and after in tuple(",}="))


def _renamed(text: str, names: Mapping[str, str]) -> str:
    def shorter(found: re.Match[str]) -> str:
        if found[0][0] == "`":
            return _INSIDE.sub(lambda inside: _renamed(inside[0], names), found[0])
        return names.get(found[0], found[0]) if found.lastgroup == "word" else found[0]

    return _SCRIPT.sub(shorter, text)


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
        return _INSIDE.sub(lambda inside: compact_script(inside[0]), token)
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
