"""The part of the published schema about receptive fields."""

from __future__ import annotations

from typing import Literal, TypedDict


class ReceptiveField(TypedDict):
    """On each spatial axis of the input, of tokens on every one: unit i reads `size` rows from `start + i * stride`.

    Behind layers that enlarge a map units read unlike rows in turn: `size` is then the most, `stride` the average. Units near
    rows that a map was padded with from its own read other rows than this says. Of a layer with `repeat` it is the field of the
    first one.
    """

    size: tuple[int, ...]
    least: tuple[int, ...]
    """Rows that a unit reads along the path that reads fewest."""
    stride: tuple[int | float | None, ...]
    """Null where a unit's number does not say which rows it reads, 0 where all units read the same."""
    start: tuple[int | None, ...]
    """The first row that unit 0 reads; negative in the padding."""
    centre: tuple[float | None, ...]
    status: Literal["exact", "whole input", "bound"]
