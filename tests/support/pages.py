"""Reading documentation pages: fenced blocks, commands and the output shown. See docs/contributing/docs.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

FENCE = re.compile(r"^(?P<fence>`{3,})(?P<language>\w*) *(?P<options>.*)$")


class Block(NamedTuple):
    """A fenced block: where its text begins, its language, what follows the language, and its lines."""

    line: int
    language: str
    options: dict[str, str]
    lines: list[str]

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


class Command(NamedTuple):
    """A command of a `console` block with the output that the page shows, if any."""

    line: int
    text: str
    exit: int
    output: list[str]


def blocks(text: str) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    lines = iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        opening = FENCE.match(line)
        if opening:
            inside = []
            for _, line in lines:
                if line.rstrip() == opening["fence"]:
                    break
                inside.append(line)
            options = dict(option.partition("=")[::2] for option in opening["options"].split())
            yield Block(number + 1, opening["language"], options, inside)


def commands(block: Block) -> Iterator[Command]:
    """The commands of a `console` block."""
    starts = [i for i, line in enumerate(block.lines) if line.startswith("$ ")]
    for start, end in zip(starts, [*starts[1:], len(block.lines)], strict=True):
        text = block.lines[start][2:]
        yield Command(block.line + start, text, int(block.options.get("exit", 0)), block.lines[start + 1 : end])


def output_pattern(lines: list[str]) -> re.Pattern[str]:
    """Matches the output that a page shows: line by line, where a line `...` stands for any number of lines."""
    parts = (r"(?:.*\n)*" if is_gap(line) else re.escape(line.rstrip()) + r"\n" for line in lines)
    return re.compile("".join(parts))


def is_gap(line: str) -> bool:
    """Whether a line of shown output stands for any number of lines."""
    return line.strip() == "..."


def with_output(text: str, command: Command, output: list[str]) -> str:
    """The page with other output shown for a command."""
    lines = text.splitlines()
    lines[command.line : command.line + len(command.output)] = output
    return "\n".join(lines) + "\n"
