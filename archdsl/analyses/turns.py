"""What many equal turns of a loop make of a state, without running all of them.

Where two turns in a row have added the same to each number of the state, all that are left are taken in one leap. What a
turn computes is made of sums, minima and maxima, so it is linear in pieces: a leap stands if the turn adds the same at
its end and at points between, and else a shorter one is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import add, sub
from typing import NamedTuple, TypeVar

S = TypeVar("S")

SHORTEST = 8
"""Fewer turns are run one by one."""
PATIENCE = 1_000
"""So many are, where each adds something else."""


PERIODS = (1, 12, 60)
"""As many turns as one: up to four values that are passed round are in their places again after 12, up to six after 60."""


class Split(NamedTuple):
    """A state taken apart."""

    form: object
    """All of it that is no number; what is added is compared between states of one form only."""
    numbers: tuple[int, ...]

    def moved(self, change: tuple[int, ...], turns: int) -> Split:
        return Split(self.form, tuple(map(add, self.numbers, (turns * c for c in change))))


def run_turns(
    count: int, state: S, turn: Callable[[S], S], split: Callable[[S], Split], join: Callable[[Split], S]
) -> S | None:
    """The state after as many turns; None where the turns of a long row add something else each time.

    Turns that pass values round add the same only when each is in its place again, so several are tried as one.
    """
    for period in PERIODS:

        def several(state: S, period: int = period) -> S:
            for _ in range(period):
                state = turn(state)
            return state

        after = _run(count // period, state, several, split, join, PATIENCE // period)
        if after is not None:
            for _ in range(count % period):
                after = turn(after)
            return after
    return None


def _run(
    count: int, state: S, turn: Callable[[S], S], split: Callable[[S], Split], join: Callable[[Split], S], patience: int
) -> S | None:
    def holds(here: Split, change: tuple[int, ...], leap: int) -> bool:
        """Whether turns on the way add the same, the first after the leap included."""
        places = (here.moved(change, turns) for turns in _halves(leap))
        return all(split(turn(join(place))) == place.moved(change, 1) for place in places)

    before, change = split(state), None
    while count and patience:
        state = turn(state)
        count, patience = count - 1, patience - 1
        here = split(state)
        latest = tuple(map(sub, here.numbers, before.numbers)) if here.form == before.form else None
        if latest is not None and latest == change and count >= SHORTEST:
            leap = next((n for n in _halves(count) if holds(here, latest, n)), 0)
            if leap:
                count, here = count - leap, here.moved(latest, leap)
                state = join(here)
        before, change = here, latest
    return None if count else state


def _halves(count: int) -> Iterator[int]:
    while count >= SHORTEST:
        yield count
        count //= 2
