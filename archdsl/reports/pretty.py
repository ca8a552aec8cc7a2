"""JSON as text that people can read too."""

from __future__ import annotations

import json
from typing import Any

LINE = 120
"""Columns of JSON text."""


def pretty(value: Any, indent: str = "") -> str:
    """JSON text in which everything that fits stands on one line."""
    line = json.dumps(value)
    if len(indent) + len(line) <= LINE or not value or not isinstance(value, dict | list):
        return line
    inner = indent + "  "
    if isinstance(value, dict):
        parts = [f"{json.dumps(key)}: {pretty(part, inner)}" for key, part in value.items()]
        opening, closing = "{}"
    else:
        parts = [pretty(part, inner) for part in value]
        opening, closing = "[]"
    return f"{opening}\n{inner}" + f",\n{inner}".join(parts) + f"\n{indent}{closing}"
