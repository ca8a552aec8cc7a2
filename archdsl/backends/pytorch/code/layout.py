"""Text of generated code: literals, docstrings, and lines broken where ruff breaks them (120 columns).

Texts of a spec become code here and nowhere else. Of a docstring only printable characters stay as they are, so no
text can end it, and none can look different from what it is.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

from archdsl.backends.pytorch.code.breaking import is_bare_tuple, is_operation, terms
from archdsl.ir import Code

WIDTH = 120
INDENT = "    "
STRINGS = re.compile(r"'(?:[^'\\]|\\.)*'" + r'|"(?:[^"\\]|\\.)*"')
_ABBREVIATIONS = ("[a-z]", "al", "cf", "ch", "eq", "fig", "no", "pp", "sec", "vs")
"""After them a period ends no sentence: `et al. 2021`, `e.g. this`."""
_SENTENCE = re.compile("".join(["(?i)(?<=[.;])", *(rf"(?<!\b{a}\.)" for a in _ABBREVIATIONS), r" (?=\w|`)"]))
_PROSE = re.compile(r"[^\s|*+-]")
"""How a line of a paragraph begins: no space, which a table or a formula has, and no mark of a list."""
_CALLEE = re.compile(r'[\w.]+(\["[^"]*"\])?\(')
_LAMBDA = re.compile(r"lambda [\w, ]*: ")
_ROWS = re.compile(r"\w+\[[^\[\]]*\]")
_BARE_QUOTE_AT_END = re.compile(r'(?<!\\)(\\\\)*"$')


class Group(NamedTuple):
    """A bracketed list: `nn.Sequential(`, its items, `)`."""

    open: str
    items: tuple[Item, ...]
    close: str = ")"
    joint: str = ","
    """What stands between two items; nothing in a comprehension."""

    def __str__(self) -> str:
        return f"{self.open}{f'{self.joint} '.join(map(str, self.items))}{self.close}"


class Item(NamedTuple):
    """One item of a group. The comment is shown where the item has a line of its own."""

    body: Group | str
    prefix: str = ""
    comment: str = ""

    def __str__(self) -> str:
        return f"{self.prefix}{self.body}"


def lines(item: Item, indent: str, suffix: str = "") -> list[str]:
    """The item on one line if it fits; else its items on a line each, those of a call on the next line if they fit."""
    flat = f"{indent}{item}{suffix}"
    if len(flat) <= WIDTH:
        return [with_comment(flat, item.comment)]
    function = _LAMBDA.match(item.body) if isinstance(item.body, str) else None
    if function is not None and is_operation(str(item.body)[function.end() :]):
        item = item._replace(prefix=item.prefix + function[0], body=str(item.body)[function.end() :])
    if isinstance(item.body, str) and is_operation(item.body):
        return _terms(item, item.body, indent, suffix)
    group = item.body if isinstance(item.body, Group) else _group(item.body, WIDTH - len(indent) - len(item.prefix))
    if group is None or not group.items:
        return [flat]
    names = item.prefix.removesuffix(" = ").split(", ")
    if len(names) > 1 and len(f"{indent}{item.prefix}{group.open}") > WIDTH:
        targets = Item(Group("(", tuple(map(Item, names)), f") = {item.body}"), comment=item.comment)
        return lines(targets, indent, suffix)
    inner = indent + INDENT
    together = inner + ", ".join(map(str, group.items))
    callee = group.open[:-1]
    is_call = (group.joint and callee and not callee.endswith(" ")) or len(group.items) == 1
    if is_call and len(together) <= WIDTH and not any(i.comment for i in group.items):
        body = [together]
    else:
        comma = group.joint if len(group.items) > 1 else ""
        body = [line for i in group.items for line in lines(i, inner, comma)]
    last = with_comment(f"{indent}{group.close}{suffix}", "" if item.comment in body[-1] else item.comment)
    return [f"{indent}{item.prefix}{group.open}", *body, last]


def _terms(item: Item, body: str, indent: str, suffix: str) -> list[str]:
    """Each operand of an operation on a line; in parentheses where it is no argument."""
    inner = indent + INDENT if item.prefix else indent
    parts = terms(body, lambda part: len(inner) + len(part) <= WIDTH)
    found = [line for part in parts for line in lines(Item(part), inner)]
    if not item.prefix:
        return [*found[:-1], f"{found[-1]}{suffix}"]
    return [f"{indent}{item.prefix}(", *found, with_comment(f"{indent}){suffix}", item.comment)]


def _group(text: str, width: int) -> Group | None:
    """The brackets at which an expression is broken: the last ones, or those of the call before where that is too wide."""
    if is_bare_tuple(text):
        return brackets(f"({text})")
    group = brackets(text)
    method = re.search(r"\.\w+\($", group.open) if group is not None and len(group.open) > width else None
    if group is None or method is None:
        return group
    before = brackets(text[: method.start()])
    return group if before is None else before._replace(close=before.close + text[method.start() :])


def with_comment(line: str, comment: str) -> str:
    """The line with a comment after it, where both fit."""
    found = f"{line}  # {comment}" if comment else line
    return found if len(found) <= WIDTH else line


def brackets(text: str) -> Group | None:
    """An expression that ends with a closing bracket, taken apart at its last pair."""
    opened: list[int] = []
    commas: list[list[int]] = []
    found: tuple[int, list[int]] | None = None
    for position, character in enumerate(STRINGS.sub(lambda m: "_" * len(m[0]), text)):
        if character in "([{":
            opened.append(position)
            commas.append([])
        elif character in ")]}":
            found = opened.pop(), commas.pop()
        elif character == "," and commas:
            commas[-1].append(position)
    if found is None or text[-1:] not in (")", "]", "}"):
        return None
    start, ends = found
    edges = [start, *ends, len(text) - 1]
    parts = [text[a + 1 : b].strip() for a, b in pairwise(edges)]
    return Group(text[: start + 1], tuple(Item(part) for part in parts if part), text[-1])


def is_call(text: str) -> bool:
    """Whether an expression is one call, so that it needs no parentheses inside another."""
    group = brackets(text)
    return group is not None and group.close == ")" and _CALLEE.fullmatch(group.open) is not None


def is_rows(text: str) -> bool:
    """Whether an expression is a variable with indices, `x[:, :, 1:]`."""
    return _ROWS.fullmatch(text) is not None


def quoted(text: str) -> str:
    """A string literal in ASCII, in double quotes unless that takes more backslashes."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    escaped = text.replace("\\", "\\\\").replace(quote, f"\\{quote}")
    return f"{quote}{''.join(c if c.isascii() and c.isprintable() else _escape(c) for c in escaped)}{quote}"


def literal(value: object) -> str:
    """A number, boolean, string, None, or a tuple of these, as Python writes it; code as it stands."""
    if isinstance(value, Code):
        return value
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, tuple):
        inside = ", ".join(map(literal, value))
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf"))):
        return f'float("{value}")'
    assert value is None or isinstance(value, int | float), value
    return repr(value).replace("e-0", "e-")


def docstring(text: str, indent: str) -> list[str]:
    """A docstring's lines; none for an empty text."""
    wrapped = _paragraphs(text, WIDTH - len(indent) - 3)
    if not wrapped:
        return []
    if len(wrapped) == 1 and _columns(wrapped[0]) + len(indent) + 6 > WIDTH:
        wrapped = _paragraphs(text, WIDTH - len(indent) - 6)
    if len(wrapped) == 1:
        return [f'{indent}"""{wrapped[0]}"""']
    return [f'{indent}"""{wrapped[0]}', *(f"{indent}{line}".rstrip() for line in wrapped[1:]), f'{indent}"""']


def _paragraphs(text: str, width: int) -> list[str]:
    first, _, rest = text.strip().expandtabs(4).partition("\n")
    lines = (first, *textwrap.dedent(rest).split("\n"))
    found = [wrapped for line in _joined(lines, width) for wrapped in _wrapped(line, width)]
    while found and not found[-1]:
        found.pop()
    if found and found[0].startswith('"'):
        found[0] = f"\\{found[0]}"
    if found and _BARE_QUOTE_AT_END.search(found[-1]):
        found[-1] = f'{found[-1][:-1]}\\"'
    return found


def _joined(lines: Sequence[str], width: int) -> Iterator[str]:
    """The lines; those of a paragraph as one, to be filled anew, where some are too long."""
    for is_prose, group in groupby(lines, lambda line: bool(_PROSE.match(line))):
        part = list(group)
        is_long = any(_columns(_escaped(line)) > width for line in part)
        yield from [" ".join(line.strip(" ") for line in part)] if is_prose and is_long else part


def _wrapped(line: str, width: int) -> list[str]:
    """The line, escaped; one that is too long is broken between sentences, else between words."""
    escaped = _escaped(line).rstrip(" ")
    if _columns(escaped) <= width:
        return [escaped]
    start = line[: len(line) - len(line.lstrip(" "))]
    room = width - _columns(start)
    found: list[str] = []
    is_broken = False
    for sentence in _SENTENCE.split(escaped.strip(" ")):
        if found and (is_broken or _columns(f"{found[-1]} {sentence}") <= room):
            sentence = f"{found.pop()} {sentence}"
        parts = [sentence] if _columns(sentence) <= room else _filled(sentence.split(" "), room)
        is_broken = is_broken or len(parts) > 1
        found += parts
    return [start + part for part in found]


def _filled(words: Sequence[str], width: int) -> list[str]:
    """Lines of words, each as full as it can be."""
    found = [""]
    for word in filter(None, words):
        if found[-1] and _columns(f"{found[-1]} {word}") > width:
            found.append(word)
        else:
            found[-1] = f"{found[-1]} {word}".lstrip(" ")
    return found


def _escaped(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return "".join(c if c.isprintable() else _escape(c) for c in escaped)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _columns(text: str) -> int:
    """Columns that the text takes: wide characters take two."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def fill(template: str, operands: list[str]) -> str:
    """The template with its operands in place."""

    def operand(match: re.Match[str]) -> str:
        return ", ".join(operands) if match[1] == "*" else operands[int(match[1])]

    return re.sub(r"\{(\d+|\*)\}", operand, template)
