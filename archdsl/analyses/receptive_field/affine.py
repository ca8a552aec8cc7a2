"""Numbers that depend on others by a sum, and what was found out about them: where they may be taken for others.

What a module makes of a field is made of sums, minima, maxima and comparisons. If it is computed once with such numbers in
place of those of the field that comes in, the results are sums of these, and they hold for every field for which each
comparison ends alike: a trace with guards, as TorchDynamo makes of code (Ansel et al. 2024, "PyTorch 2").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import index
from typing import Any, NamedTuple

Terms = Mapping[int, int]
"""Factors by the number of what they are factors of."""


class Guard(NamedTuple):
    """A sum that is no less and no more than some bounds."""

    terms: tuple[tuple[int, int], ...]
    low: int | None
    high: int | None

    def holds(self, values: Sequence[int]) -> bool:
        total = sum(factor * values[place] for place, factor in self.terms)
        return (self.low is None or self.low <= total) and (self.high is None or total <= self.high)


class Guards:
    """What has been compared so far; of sums that differ by a number alone the tightest bounds."""

    def __init__(self) -> None:
        self._bounds: dict[tuple[tuple[int, int], ...], tuple[int | None, int | None]] = {}

    @property
    def found(self) -> tuple[Guard, ...]:
        return tuple(Guard(terms, low, high) for terms, (low, high) in self._bounds.items())

    def add(self, terms: Terms, low: int | None, high: int | None) -> None:
        """Bounds of a sum."""
        key = tuple(sorted(terms.items()))
        if key[0][1] < 0:
            key = tuple((place, -factor) for place, factor in key)
            low, high = (None if n is None else -n for n in (high, low))
        lowest, highest = self._bounds.get(key, (None, None))
        low = lowest if low is None else low if lowest is None else max(low, lowest)
        high = highest if high is None else high if highest is None else min(high, highest)
        self._bounds[key] = low, high


class Affine:
    """A number and a sum that gives it: factors of variables, and the rest. Comparisons are noted."""

    __slots__ = ("guards", "rest", "terms", "value")

    def __init__(self, value: int, terms: Terms, rest: int, guards: Guards) -> None:
        self.value = value
        self.terms = terms
        """None of them 0, and one at least."""
        self.rest = rest
        self.guards = guards

    def bound(self, low: int | None, high: int | None) -> None:
        """Notes that it is no less and no more."""
        below, above = (None if n is None else n - self.rest for n in (low, high))
        self.guards.add(self.terms, below, above)

    def fixed(self) -> int:
        """The number, of which it is noted that it is this one."""
        self.bound(self.value, self.value)
        return self.value

    def __add__(self, other: int | Affine) -> Any:
        if isinstance(other, int):
            return Affine(self.value + other, self.terms, self.rest + other, self.guards)
        terms = {place: self.terms.get(place, 0) + other.terms.get(place, 0) for place in {**self.terms, **other.terms}}
        terms = {place: factor for place, factor in terms.items() if factor}
        rest = self.rest + other.rest
        return Affine(self.value + other.value, terms, rest, self.guards) if terms else rest

    def __mul__(self, factor: int) -> Any:
        if not factor:
            return 0
        terms = {place: factor * own for place, own in self.terms.items()}
        return Affine(factor * self.value, terms, factor * self.rest, self.guards)

    def __floordiv__(self, by: int) -> Any:
        if any(n % by for n in (self.rest, *self.terms.values())):
            return self.fixed() // by
        terms = {place: factor // by for place, factor in self.terms.items()}
        return Affine(self.value // by, terms, self.rest // by, self.guards)

    def __neg__(self) -> Any:
        return self * -1

    def __sub__(self, other: int | Affine) -> Any:
        return self + -other

    def __rsub__(self, other: int) -> Any:
        return -self + other

    __radd__ = __add__
    __rmul__ = __mul__

    def __lt__(self, other: int | Affine) -> bool:
        return _is_less(self - other, 0)

    def __le__(self, other: int | Affine) -> bool:
        return _is_less(self - other, 1)

    def __gt__(self, other: int | Affine) -> bool:
        return not self <= other

    def __ge__(self, other: int | Affine) -> bool:
        return not self < other

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, int | Affine):
            return False
        apart = self - other
        if isinstance(apart, int):
            return apart == 0
        if apart.value:
            return not (apart < 0 or apart > 0)
        return fixed(apart) == 0

    __hash__ = None  # type: ignore[assignment]


def _is_less(number: int | Affine, limit: int) -> bool:
    if isinstance(number, int):
        return number < limit
    is_less = number.value < limit
    number.bound(*((None, limit - 1) if is_less else (limit, None)))
    return is_less


def fixed(number: int) -> int:
    """A number as it is, for what is no sum of it. Raises `OpenSize` for a size that is left open."""
    return number.fixed() if isinstance(number, Affine) else index(number)
