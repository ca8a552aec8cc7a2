"""Drawing -> the same as JSON has it, for what lays pictures out by other means: a page in a browser."""

from __future__ import annotations

from typing import Any


def plain(part: Any) -> Any:
    """A part of a drawing as numbers, strings, lists and objects; an object says in `is` what part it is.

    >>> plain(Anchor(3))
    {'is': 'anchor', 'key': 3, 'row': 0}
    """
    if isinstance(part, tuple) and (fields := getattr(part, "_asdict", None)):
        return {"is": type(part).__name__.lower(), **{name: plain(value) for name, value in fields().items()}}
    return list(map(plain, part)) if isinstance(part, tuple) else part
