"""Calls whose numbers grow from one to the next, as one comprehension over a counter.

Where they grow by the same number each time: `*[Unit(i, i + 2) for i in range(16, 24, 2)]`. Where they grow by a
fraction that is rounded down, as the widths of PyramidNet do: `*[Unit(16 + 8 * (i - 1) // 9, 16 + 8 * i // 9) ...]`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from math import lcm
from typing import NamedTuple

from archdsl.backends.pytorch.code.dense import step
from archdsl.backends.pytorch.code.layout import Group, Item

FEWEST = 4
"""Calls that grow evenly are a loop from here on."""

FEWEST_FRACTIONS = 3
"""So are calls with fractions, which are long to write."""

FEWEST_UNEVEN = 8
"""Calls that do not: a few numbers fit many lines."""

LARGEST_DIVISOR = 128

_NUMBER = re.compile(r"\d+(\.\d+)?(e-\d+)?")

Columns = list[list[str]]


def growing(items: Sequence[Item]) -> Iterator[Item]:
    """The items, with each row that grows as one."""
    position = 0
    while position < len(items):
        if _call(items[position]) is None:
            yield items[position]
            position += 1
            continue
        rows = [_row(items, position, fewest, write) for fewest, write in WAYS]
        length, text = max(rows, key=lambda row: row[0])
        yield Item(text, comment=items[position + length - 1].comment) if text else items[position]
        position += length


def _call(item: Item) -> Group | None:
    """The call of a class of this file that it is."""
    body = item.body
    return body if isinstance(body, Group) and not item.prefix and not body.open.startswith("nn.") else None


def _row(items: Sequence[Item], start: int, fewest: int, write: Callable[[Columns], str]) -> tuple[int, str]:
    """The longest row from there on, and its text; 1 and nothing where it is too short."""
    most = len(items) - start
    if most < fewest:
        return 1, ""
    text = _written(items[start : start + fewest], write)
    if not text:
        return 1, ""
    # Whatever a row begins with is a row: double the length while it is one, then halve the interval.
    length, too_long = fewest, most + 1
    while too_long - length > 1:
        tried = min(2 * length, most) if too_long > most else (length + too_long) // 2
        longer = _written(items[start : start + tried], write)
        length, text, too_long = (tried, longer, too_long) if longer else (length, text, tried)
    return length, text


def _written(items: Sequence[Item], write: Callable[[Columns], str]) -> str:
    """Calls of one class of this file as a comprehension."""
    calls = [call for item in items if (call := _call(item)) is not None]
    if len(calls) < len(items) or len({(c.open, len(c.items)) for c in calls}) > 1:
        return ""
    columns = [[str(i) for i in column] for column in zip(*(c.items for c in calls), strict=True)]
    if not all(len(set(c)) == 1 or all(map(_NUMBER.fullmatch, c)) for c in columns):
        return ""
    found = write(columns)
    return f"*[{calls[0].open}{found}]" if found else ""


def _even(columns: Columns) -> str:
    """Arguments that are the same in all calls or grow evenly, with the counter that they are told by."""
    found = [_Whole.of(c) if len(set(c)) > 1 else _Whole((0,)) for c in columns]
    whole = [w for w in found if w is not None]
    if len(whole) < len(found):
        return ""
    steps = [step(w.numbers) for w in whole]
    growths = [s for s in steps if s != 0]
    if not growths or None in growths:
        return ""
    by = min((s for s in growths if s is not None), key=abs)
    if any(s is None or s % by for s in steps):
        return ""
    grown = [(w.numbers[0], s // by) for w, s in zip(whole, steps, strict=True) if s]
    first = next((start // factor for start, factor in grown if start % factor == 0), grown[0][0])
    texts = [
        w.text(_times(s // by, w.numbers[0] - s // by * first)) if s else c[0]
        for c, w, s in zip(columns, whole, steps, strict=True)
    ]
    return f"{', '.join(texts)}) for i in range({_bounds(first, len(columns[0]), by)})"


class _Whole(NamedTuple):
    """Numbers as whole ones over a common divisor. Python divides whole numbers as exactly as it reads a fraction."""

    numbers: tuple[int, ...]
    divisor: int = 1

    @classmethod
    def of(cls, texts: Sequence[str]) -> _Whole | None:
        exact = [Fraction(text).limit_denominator(LARGEST_DIVISOR**2) for text in texts]
        divisor = lcm(*(e.denominator for e in exact))
        is_exact = all(float(e) == float(text) for e, text in zip(exact, texts, strict=True))
        if not is_exact or (divisor == 1 and not all(map(str.isdecimal, texts))):
            return None
        return cls(tuple(int(e * divisor) for e in exact), divisor)

    def text(self, counted: str) -> str:
        if self.divisor == 1:
            return counted
        return (
            f"({counted}) / {self.divisor}" if " + " in counted or " - " in counted else f"{counted} / {self.divisor}"
        )


def _fractions(columns: Columns) -> str:
    """The same where some are fractions."""
    found = _even(columns)
    return found if " / " in found else ""


def _bounds(first: int, count: int, by: int = 1) -> str:
    end = first + by * count
    return (f"{first}, {end}" if first or by != 1 else f"{end}") + (f", {by}" if by != 1 else "")


def _times(factor: int, rest: int) -> str:
    """A multiple of the counter and a number: `i`, `i + 2`, `4 * i`, `4 * (i + 2)`, `4 * i + 3`."""
    if factor == 1:
        return _plus("i", rest)
    return _plus(f"{factor} * i", rest) if rest % factor or not rest else f"{factor} * ({_plus('i', rest // factor)})"


def _plus(text: str, by: int) -> str:
    return text if not by else f"{text} {'+' if by > 0 else '-'} {abs(by)}"


def _uneven(columns: Columns) -> str:
    """The same where one argument grows by a fraction, and another is what the call before had there, or a multiple."""
    varying = [i for i, c in enumerate(columns) if len(set(c)) > 1]
    if len(varying) != 2 or not all(t.isdecimal() for i in varying for t in columns[i]):
        return ""
    before, after = ([int(t) for t in columns[i]] for i in varying)
    factor = before[1] // after[0]
    if not factor or before[0] % factor or before[1:] != [factor * v for v in after[:-1]]:
        return ""
    line = _fit([before[0] // factor, *after])
    if line is None:
        return ""
    earlier = line.text("(i - 1)")
    texts = [c[0] for c in columns]
    texts[varying[0]] = earlier if factor == 1 else f"{factor} * ({earlier})"
    texts[varying[1]] = line.text("i")
    return f"{', '.join(texts)}) for i in range({_bounds(line.start + 1, len(after))})"


class _Line(NamedTuple):
    """`base + by * i // divisor`, for i from `start` on."""

    base: int
    by: int
    divisor: int
    start: int

    def text(self, counter: str) -> str:
        return f"{self.base} + {self.by} * {counter} // {self.divisor}"


def _fit(values: Sequence[int]) -> _Line | None:
    """The line with the smallest divisor that gives all values, rounded down."""
    rise, run = values[-1] - values[0], len(values) - 1
    for divisor in range(2, LARGEST_DIVISOR):
        for by in range(max(1, (rise - 1) * divisor // run), (rise + 1) * divisor // run + 1):
            # divisor * value <= by * i + rest < divisor * (value + 1) for each of them
            lowest = max(divisor * v - by * i for i, v in enumerate(values))
            highest = min(divisor * (v + 1) - by * i for i, v in enumerate(values)) - 1
            for start in range(divisor if lowest <= highest else 0):
                base = -((by * start - lowest) // divisor)
                if base > 0 and divisor * base + by * start <= highest:
                    return _Line(base, by, divisor, start)
    return None


WAYS = ((FEWEST, _even), (FEWEST_FRACTIONS, _fractions), (FEWEST_UNEVEN, _uneven))
"""How rows may grow, each with the fewest calls that are a row of it."""
