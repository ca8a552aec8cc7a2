"""What the parts of the published schema have in common."""

from __future__ import annotations

from archdsl.ir import open_size

Size = int | str
Span = tuple[int, int, int, int]


def size(value: int) -> Size:
    """A number, or the text of a formula."""
    return value if open_size(value) is None else str(value)
