"""What two sequences have in common, in order.

E. Myers, "An O(ND) difference algorithm and its variations", 1986: of the ways through the grid of both sequences, those that
pass by d elements are followed as far as they go, for d = 0, 1, 2, ... Where sequences are so different that d grows too large,
the way that has come the furthest is taken, and the search starts again there. So work grows with the length.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

PATIENCE = 200
"""So many elements are passed by before the furthest way is taken."""

Way = tuple[int, int, int, "Way"] | None
"""Where a run in common begins in both sequences, its length, and the runs before it."""


def common(before: Sequence[object], after: Sequence[object]) -> Iterator[tuple[int, int, int]]:
    """The runs in common: where they begin in each sequence, and how long they are.

    >>> list(common("abcd", "xbcd"))
    [(1, 1, 3)]
    """
    x = y = 0
    while x < len(before) and y < len(after):
        x, y, way = _way(before, after, x, y)
        runs = []
        while way is not None:
            *run, way = way
            runs.append(run)
        yield from ((i, j, length) for i, j, length in reversed(runs))


def _way(before: Sequence[object], after: Sequence[object], x: int, y: int) -> tuple[int, int, Way]:
    """Where the best way from a place in both sequences has come to, and the runs on it."""
    ends, first = (len(before), len(after)), x - y
    reached: dict[int, tuple[int, Way]] = {first + 1: (x, None)}
    for passed in range(PATIENCE):
        for diagonal in range(first - passed, first + passed + 1, 2):
            above, beside = reached.get(diagonal + 1, (-1, None)), reached.get(diagonal - 1, (-2, None))
            x, way = above if above[0] > beside[0] else (beside[0] + 1, beside[1])
            start = x
            while x < ends[0] and x - diagonal < ends[1] and before[x] == after[x - diagonal]:
                x += 1
            reached[diagonal] = x, way if x == start else (start, start - diagonal, x - start, way)
            if (x, x - diagonal) == ends:
                return *ends, reached[diagonal][1]
    inside = (
        (x, x - diagonal, way) for diagonal, (x, way) in reached.items() if x <= ends[0] and x - diagonal <= ends[1]
    )
    return max(inside, key=lambda place: place[0] + place[1])
