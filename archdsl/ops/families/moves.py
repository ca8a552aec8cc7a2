"""Where the axes of a tensor go: receptive-field steps of operators that move or reshape them."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from types import MappingProxyType

from archdsl.ir import WHOLE, Axes, Rows, Shape, TensorType


def reshaped(before: Shape, after: Shape) -> Axes:
    """An axis that stays one keeps its rows; of axes that are joined or taken apart it cannot be said which rows are read."""
    return Axes(tuple(_reshaped(before, axis, after) for axis in range(len(before))))


def _reshaped(before: Shape, axis: int, after: Shape) -> Rows | None:
    inside = prod(before[axis + 1 :])
    outside = inside * before[axis]
    for new, size in enumerate(after):
        start = prod(after[new + 1 :])
        if start <= inside and outside <= start * size:
            return Rows(new) if (start, size) == (inside, before[axis]) else Rows(new, ())
    return None


def over(x: TensorType, axis: int) -> Axes:
    """Each unit reads all of one axis and its own place on the others."""
    return Axes(tuple(WHOLE if a == axis % x.rank else Rows(a) for a in range(x.rank)))


def shifted(rank: int, starts: Mapping[int, int], steps: Mapping[int, int] = MappingProxyType({})) -> Axes:
    """Unit `i` of an axis reads row `i` times its step + its start."""
    return Axes(tuple(Rows(a, ((starts.get(a, 0),) * 2,), steps.get(a, 1)) for a in range(rank)))
