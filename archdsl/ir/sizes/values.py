"""The values that a symbol may have by the conditions on it alone."""

from __future__ import annotations

from collections.abc import Iterable
from math import lcm
from typing import NamedTuple

from archdsl.ir.sizes.conditions import ENUMERATED, Compound, Relation, cycle


class Steps(NamedTuple):
    """How values go on without an end: all from `least` on that leave one of the rests."""

    modulus: int
    rests: tuple[int, ...]
    least: int
    is_cut: bool
    """Whether smaller values that leave such a rest are missing."""


class Values(NamedTuple):
    """The values that a symbol may have: from `threshold` on they repeat with a period."""

    name: str
    values: tuple[int, ...]
    """All below `threshold` + `period`."""
    threshold: int
    period: int

    @property
    def steps(self) -> Steps | None:
        """How they go on; None where they end."""
        cycle = {v % self.period for v in self.values if v >= self.threshold}
        if not cycle:
            return None
        modulus = next(m for m in range(1, self.period + 1) if _repeats(cycle, self.period, m))
        rests = tuple(sorted({v % modulus for v in cycle}))
        regular = [v for v in range(1, self.threshold + self.period) if v % modulus in rests]
        listed = set(self.values)
        missing = [v for v in regular if v not in listed]
        least = next(v for v in regular if not missing or v > missing[-1])
        return Steps(modulus, rests, least, bool(missing))

    def __str__(self) -> str:
        """`H % 16 == 12 and H >= 188`; nothing where it may be any."""
        steps = self.steps
        if steps is None:
            first, last = self.values[0], self.values[-1]
            is_whole = len(self.values) == last - first + 1 > 2
            each = f"{self.name} in [{', '.join(map(str, self.values))}]"
            from_first = f"{self.name} >= {first} and " if first > 1 else ""
            return f"{from_first}{self.name} <= {last}" if is_whole else each
        modulus, rests, least, is_cut = steps
        parts = (
            [f"{self.name} in [{', '.join(str(v) for v in self.values if v < least)}] or"]
            if self.values[0] < least
            else []
        )
        if modulus > 1:
            one = f"== {rests[0]}" if len(rests) == 1 else f"in {list(rests)}"
            parts.append(f"{self.name} % {modulus} {one}")
        if is_cut:
            parts.append(f"{'and ' if modulus > 1 else ''}{self.name} >= {least}")
        return " ".join(parts)


def common_cycle(values: Values, condition: Relation | Compound) -> tuple[int, int] | None:
    """From where on values and the answers of a condition repeat together, and after how many; None where that is too far."""
    repeats = cycle(condition)
    if repeats is None:
        return None
    threshold, period = max(values.threshold, repeats[0]), lcm(values.period, repeats[1])
    return (threshold, period) if threshold + period <= ENUMERATED else None


def _repeats(cycle: set[int], period: int, modulus: int) -> bool:
    """Whether what repeats with the period does so with a divisor of it."""
    return period % modulus == 0 and len({v % modulus for v in cycle}) * (period // modulus) == len(cycle)


def extended(values: Values, end: int) -> Iterable[int]:
    """All values below an end."""
    cycle = [v for v in values.values if v >= values.threshold]
    yield from (v for v in values.values if v < values.threshold)
    for start in range(0, end - values.threshold, values.period):
        yield from (v + start for v in cycle if v + start < end)
