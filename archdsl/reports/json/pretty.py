"""JSON as text that people can read too."""

from __future__ import annotations

import json
from collections.abc import Callable
from json.encoder import encode_basestring_ascii as quoted
from types import NoneType
from typing import Any

LINE = 120
"""Columns of JSON text."""
ITEM = 3
"""An item of a line takes so many columns at the least."""
MANY = 1000
"""Nobody reads a list of more items from end to end: a line each is found by its words, and written in a fifth of the time."""
SCALARS: dict[type, Callable[[Any], str]] = {
    str: quoted,
    int: repr,
    float: repr,
    bool: {True: "true", False: "false"}.__getitem__,
    NoneType: {None: "null"}.__getitem__,
}


def pretty(value: Any, indent: str = "") -> str:
    """JSON text in which everything that fits stands on one line, and each item of a long list in any case."""
    known, inner = SCALARS.get, indent + "  "
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    if isinstance(value, dict):
        parts = [
            f"{quoted(name)}: {scalar(part) if (scalar := known(type(part))) else pretty(part, inner)}"
            for name, part in value.items()
        ]
    elif not isinstance(value, (list, tuple)):
        return json.dumps(value)
    elif len(value) > MANY:
        parts = [*map(json.dumps, value)]
    else:
        parts = [scalar(part) if (scalar := known(type(part))) else pretty(part, inner) for part in value]
    if len(parts) * ITEM <= LINE:
        line = f"{opening}{', '.join(parts)}{closing}"
        if (len(indent) + len(line) <= LINE and "\n" not in line) or not parts:
            return line
    return f"{opening}\n{inner}" + f",\n{inner}".join(parts) + f"\n{indent}{closing}"
