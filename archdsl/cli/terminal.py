"""Styled lines on a stream: in colour on a terminal, plain text where piped."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import Literal, TextIO

from archdsl.source.styled import Line, plain

Color = Literal["auto", "always", "never"]

STYLES = {
    "error": "bold red",
    "warning": "bold yellow",
    "info": "bold blue",
    "note": "blue",
    "help": "green",
    "ok": "green",
    "strong": "bold",
    "dim": "dim",
    "second": "dim blue",
    "gutter": "dim blue",
    "rule": "dim",
    "header": "dim",
    "bar": "blue",
    "title": "bold",
    "heading": "bold",
    "total": "bold",
    "count": "yellow",
    "peak": "bold yellow",
    "kind.conv": "blue",
    "kind.pool": "dark_orange3",
    "kind.linear": "magenta",
    "kind.attention": "bright_magenta",
    "kind.norm": "bright_black",
    "kind.activation": "green",
    "kind.merge": "yellow",
    "kind.parameter": "cyan",
    "kind.reshape": "bright_black",
    "kind.regularization": "bright_black",
}


def is_colored(stream: TextIO, color: Color = "auto") -> bool:
    """NO_COLOR and FORCE_COLOR (no-color.org, force-color.org) decide where the command line does not."""
    if color != "auto":
        return color == "always"
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


def width_of(stream: TextIO, asked: int | None) -> int | None:
    """Columns to lay tables out in; None for as many as they like, where piped."""
    if asked is not None:
        return asked
    if not stream.isatty():
        return None
    import shutil

    return shutil.get_terminal_size().columns


def is_ascii(stream: TextIO, asked: bool) -> bool:
    return asked or "utf" not in (stream.encoding or "").lower().replace("-", "")


def write_lines(
    lines: Iterable[Line], stream: TextIO | None = None, color: Color = "auto", *, ascii: bool = False
) -> None:
    """Writes styled lines. Characters that the stream's encoding lacks are escaped; with `ascii` all but those of ASCII."""
    stream = stream or sys.stdout
    if ascii:
        lines = [[p._replace(text=p.text.encode("ascii", "backslashreplace").decode()) for p in line] for line in lines]
    if not is_colored(stream, color):
        text = plain(lines)
        encoding = stream.encoding or "utf-8"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        return
    from rich.console import Console
    from rich.text import Text
    from rich.theme import Theme

    lines = list(lines)
    known = {**STYLES, **{p.style: "" for line in lines for p in line if p.style and p.style not in STYLES}}
    console = Console(
        file=stream, force_terminal=True, no_color=False, highlight=False, soft_wrap=True, theme=Theme(known)
    )
    for line in lines:
        console.print(Text.assemble(*((piece.text, piece.style) for piece in line)), soft_wrap=True)
