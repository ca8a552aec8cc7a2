"""What many equal turns of a loop make of some numbers, without running all of them.

Where two turns in a row have added the same to each number, all that are left are taken in one leap. What a turn
computes is made of sums, minima and maxima, so it is linear in pieces: a leap stands if the turn adds the same at its
end and at points between, and else a shorter one is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import add, sub

Numbers = tuple[int, ...]

SHORTEST = 8
"""Fewer turns are run one by one."""


def run_turns(count: int, numbers: Numbers, turn: Callable[[Numbers], Numbers]) -> Numbers:
    """The numbers after as many turns."""
    change: Numbers | None = None
    while count:
        after = turn(numbers)
        count -= 1
        latest = tuple(map(sub, after, numbers))
        numbers = after
        if latest == change and count >= SHORTEST:
            leap = next((n for n in _halves(count) if _holds(n, numbers, latest, turn)), 0)
            count -= leap
            numbers = _moved(numbers, latest, leap)
        change = latest
    return numbers


def _holds(leap: int, numbers: Numbers, change: Numbers, turn: Callable[[Numbers], Numbers]) -> bool:
    """Whether turns on the way add the same, the first after the leap included."""
    places = (_moved(numbers, change, n) for n in _halves(leap))
    return all(turn(place) == _moved(place, change, 1) for place in places)


def _halves(count: int) -> Iterator[int]:
    while count >= SHORTEST:
        yield count
        count //= 2


def _moved(numbers: Numbers, change: Numbers, turns: int) -> Numbers:
    return tuple(map(add, numbers, (turns * c for c in change)))
