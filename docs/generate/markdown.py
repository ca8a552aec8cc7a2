"""Markdown from data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

MADE = "<!-- Written by `make docs` from the code: change the code. -->"


def page(title: str, *parts: Sequence[str]) -> str:
    """The text of a page: a heading and parts with a blank line between."""
    return "\n\n".join("\n".join(part) for part in ([MADE], [f"# {title}"], *parts) if part) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table, without the columns that are empty in every row."""
    listed = list(rows)
    kept = [i for i in range(len(head)) if any(row[i] for row in listed)]
    return [_row([head[i] for i in kept]), _row(["---"] * len(kept)), *(_row([r[i] for i in kept]) for r in listed)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def code(text: str) -> str:
    return f"`{text}`"


def fenced(language: str, text: str) -> list[str]:
    """A fenced block."""
    return [f"```{language}", *text.strip("\n").split("\n"), "```"]
