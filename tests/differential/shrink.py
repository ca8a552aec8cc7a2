"""The smallest spec that still shows a disagreement: lines and whole braces are left out as long as it is there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

Shows = Callable[[str], bool]


def shrunk(text: str, shows: Shows) -> str:
    """The text without what it can do without."""
    smaller: str | None = text
    while smaller is not None:
        text = smaller
        smaller = next((other for other in _smaller(text) if shows(other)), None)
    return text


def _smaller(text: str) -> Iterator[str]:
    lines = text.splitlines()
    ends = {start: _end(lines, start) for start in range(len(lines)) if lines[start].rstrip().endswith("{")}
    for start, end in sorted(ends.items(), key=lambda pair: pair[0] - pair[1]):
        yield _joined(lines[:start] + lines[end + 1 :])
        yield _joined(lines[:start] + lines[start + 1 : end] + lines[end + 1 :])
    for number, line in enumerate(lines):
        if number not in ends and not line.strip().startswith("}"):
            yield _joined(lines[:number] + lines[number + 1 :])
    for number, line in enumerate(lines):
        for other in _simpler(line):
            yield _joined([*lines[:number], other, *lines[number + 1 :]])


def _simpler(line: str) -> Iterator[str]:
    """A line without one of its links, its label or its tap."""
    indent, links = line[: len(line) - len(line.lstrip())], line.strip().split(" -> ")
    if len(links) > 1:
        yield from (indent + " -> ".join(links[:i] + links[i + 1 :]) for i in range(len(links)))
    yield from (
        re.sub(pattern, "", line, count=1)
        for pattern in (r'(?:"[^"]*"|\b[lgm]?\d+|\bblock): ', r" as \w+$")
        if re.search(pattern, line)
    )


def _joined(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"


def _end(lines: list[str], start: int) -> int:
    """The line that closes the brace opened at the end of another one."""
    depth = 0
    for number in range(start, len(lines)):
        depth += lines[number].count("{") - lines[number].count("}")
        if depth <= 0:
            return number
    return len(lines) - 1
