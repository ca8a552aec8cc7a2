"""How a unit of an operator's result reads its input: the steps of receptive fields."""

from __future__ import annotations

from typing import Literal, NamedTuple

SPATIAL_AXES = {1: ("width",), 2: ("height", "width"), 3: ("depth", "height", "width")}
"""The names of the spatial axes of a map, by their number."""


class Step(NamedTuple):
    """How one output unit reads one spatial axis of the input, in input rows.

    `extent` rows are read, units are `stride` rows apart, the first unit begins `before` rows before row 0.
    """

    extent: int = 1
    stride: int = 1
    before: int = 0
    dilation: int = 1
    """Of the extent, every so many rows are read."""


WHOLE: Literal["whole"] = "whole"
"""Each output unit reads the whole input."""


class Border(NamedTuple):
    """Units of which each reads one row: the first of them `row`, and each `step` further on than the one before."""

    units: range
    row: int
    step: int


class Rows(NamedTuple):
    """Which rows of one axis of an operand are read by the units along one axis of the result.

    Unit `i * len(spans) + p` reads the rows from `i * stride` + the first to `i * stride` + the last of `spans[p]`, or none.
    Without spans each unit reads one row, and it cannot be said which.
    """

    axis: int
    """The result's axis, from 0."""
    spans: tuple[tuple[int, int] | None, ...] = ((0, 0),)
    stride: int = 1
    dilation: int = 1
    borders: tuple[Border, ...] = ()
    """Units to which this does not apply."""


class Parts(NamedTuple):
    """How operands lie one behind the other along an axis of a result, whose units read one of them each."""

    axis: int
    units: tuple[tuple[int, int], ...]
    """Of each operand the first unit that reads it, and the unit after the last."""


class Axes:
    """The receptive-field step of an operator that moves axes about: an entry for each axis of each operand.

    An entry is `Rows`, "whole" where each unit reads the whole axis, or None where units along several axes divide its rows.
    """

    __slots__ = ("operands", "parts")

    def __init__(self, *operands: tuple[Rows | Literal["whole"] | None, ...], parts: Parts | None = None) -> None:
        self.operands = operands
        self.parts = parts
        """None where each unit reads every operand."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Axes) and (self.operands, self.parts) == (other.operands, other.parts)

    def __hash__(self) -> int:
        return hash((self.operands, self.parts))

    def __repr__(self) -> str:
        return f"Axes{self.operands!r}"


Reach = tuple[Step, ...] | Literal["whole", "pointwise"] | Axes
"""The receptive-field step of an operator: one `Step` a spatial axis, the whole input, the same place only, or axis by axis."""
