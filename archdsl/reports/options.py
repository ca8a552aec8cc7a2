"""What a reader may ask of a report."""

from __future__ import annotations

from typing import NamedTuple


class Options(NamedTuple):
    """Each report heeds the options that concern it."""

    depth: int | None = None
    """How many levels of scopes are opened; each report has its own default."""
    full: bool = False
    """Every operator in a row of its own."""
    sort: str | None = None
    """A column to sort the layers by, the largest first."""
    top: int | None = None
    """How many rows to show."""
    formulas: bool = False
    """Memory: the lectures' table, with the working of every figure."""
    unit: tuple[str, tuple[int, ...]] | None = None
    """Receptive field: a path and the indices of one of its units."""

    @property
    def is_flat(self) -> bool:
        """Whether layers stand alone, outside their scopes."""
        return self.sort is not None or self.top is not None
