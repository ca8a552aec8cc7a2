"""Parameters that count turns, at the values that a network is tried at.

What comes of a count at other values is read off those tried, so it may count turns and stand in sums and products, and
decide nothing but what the first and the last few turns have of their own: any other condition, or an item of a list, may
be another one at a value that was not tried.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

NEAR = 2
"""So far from the first or the last turn a condition may tell turns apart."""


class From(NamedTuple):
    """How far a number is from a parameter that counts turns, or, with no name, from the number of a turn."""

    name: str
    distance: int


class Count(int):
    """A count at one of its values, or what sums and products make of it."""

    base: From | None = None
    """Where it differs from what is counted by a number that is known."""
    last: From | None = None
    """Of the variable of a loop: what it is in the last turn."""

    @classmethod
    def of(cls, value: int, base: From | None, last: From | None = None) -> Count:
        found = cls(value)
        found.base, found.last = base, last
        return found

    def moved(self, value: int, distance: int) -> Count:
        """The same after a number was added."""
        return Count.of(value, *(f and f._replace(distance=f.distance + distance) for f in (self.base, self.last)))

    @property
    def key(self) -> tuple[Any, ...]:
        """All that tells it from other numbers."""
        return int(self), self.base, self.last


def counted(values: Iterable[Any]) -> bool:
    """Whether a count is among some data, or in a list among them."""
    return any(isinstance(v, Count) or (isinstance(v, tuple) and counted(v)) for v in values)


def turns(numbers: range, first: int, end: int) -> tuple[Count, ...]:
    """The variable of a loop in each of its turns."""
    is_plain = numbers.step == 1 and not isinstance(first, Count)
    base = From("", int(first)) if is_plain else None
    last = end.base._replace(distance=end.base.distance - 1) if isinstance(end, Count) and end.base else None
    return tuple(Count.of(n, base, last if is_plain and last is not None and last.name else None) for n in numbers)


def is_settled(left: Any, right: Any) -> bool:
    """Whether a comparison has one answer but for the first turns and the last."""
    if not isinstance(left, Count):
        left, right = right, left
    if not isinstance(left, Count):
        return False
    if isinstance(right, Count):
        return _near(left.last, right.base) or _near(right.last, left.base)
    return isinstance(right, int) and left.base is not None and right - left.base.distance <= NEAR


def _near(last: From | None, base: From | None) -> bool:
    return last is not None and base is not None and last.name == base.name and last.distance - base.distance <= NEAR
