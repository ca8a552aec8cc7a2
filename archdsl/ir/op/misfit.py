"""Operands or attributes that do not fit an operator."""

from __future__ import annotations

from typing import Literal

MisfitCode = Literal["attribute-value", "shape-mismatch", "window-too-large", "wrong-rank", "wrong-dtype"]


class Misfit(Exception):
    """Operands or attributes that do not fit: a fact for the elaborator to word and place."""

    def __init__(
        self,
        message: str,
        *,
        code: MisfitCode = "attribute-value",
        attribute: str | None = None,
        operand: int | None = None,
        label: str | None = None,
        notes: tuple[str, ...] = (),
        help: str | None = None,
        instead: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.instead = instead
        """What can be written in place of the attribute's value, as it stands."""
        self.code = code
        self.attribute = attribute
        self.operand = operand
        self.label = label
        self.notes = notes
        self.help = help
