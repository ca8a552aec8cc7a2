"""What the parts of the published schema have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

Size = int | str
Span = tuple[int, int, int, int]


class Part(BaseModel):
    """A part of the document."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
