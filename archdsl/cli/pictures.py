"""The format of a picture, and where it goes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from archdsl.cli.targets import UsageProblem
from archdsl.source import write_whole

F = TypeVar("F", bound=str)
BYTES = ("png", "pdf")
ENDINGS = {"mmd": "mermaid", "tex": "tikz", "json": "model-explorer"}
"""Of files, where they are not the format's own name."""


def output_format(arguments: argparse.Namespace, formats: Sequence[F]) -> F:
    """The format asked for, or that of the output's ending, else the first. Raises `UsageProblem`."""
    ending = Path(arguments.output or "").suffix.lstrip(".").lower()
    asked = arguments.format or ENDINGS.get(ending, ending) or formats[0]
    if ending in formats and ending != asked:
        raise UsageProblem(f"`--format {asked}` and `{arguments.output}` are two formats: leave one out")
    for format in formats:
        if format == asked:
            return format
    raise UsageProblem(f"`.{ending}` is no format archdsl draws: {', '.join(formats)}")


def write_picture(arguments: argparse.Namespace, picture: bytes, format: str, words: str) -> None:
    """Writes to the file asked for and says so, else to standard output. Raises `UsageProblem` for bytes on a terminal."""
    if arguments.output is not None:
        write_whole(arguments.output, picture)
        print(f"{arguments.output}  {words}  {format}, {len(picture):_} bytes")
    elif format not in BYTES:
        sys.stdout.write(picture.decode())
    elif sys.stdout.isatty():
        raise UsageProblem(f"{format} is no text: name a file with `-o`")
    else:
        sys.stdout.buffer.write(picture)
