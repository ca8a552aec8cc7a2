"""Turns of a loop that one stands for, as a loop in generated code.

A class is written with that turn and the few that the graph has beside it. Its lines differ from turn to turn only in the
numbers that name their parts, so all turns are one `for` over these numbers: `self[str(i + 1)]`.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Generic, NamedTuple, TypeVar

from archdsl.backends.pytorch.code.layout import INDENT, WIDTH, Group, Item
from archdsl.ir import Module, Repeat, turns_beside

T = TypeVar("T")
Rows = tuple[Repeat, ...]
"""The repeats around something, outermost first."""

_NUMBERS = re.compile(r'(?<=[(\[])"(\d+)"(?=[\]),])|(?<=in range\()([\d_]+), ([\d_]+)')
"""The name of a part, or from where to where a loop counts."""
_EQUAL = re.compile(r"\*\[((?!layer ).*) for _ in range\(([\d_]+)\)\]")
LONG = 10_000
"""From here on numbers have underscores."""
COUNTERS = "ijklmnopqrst"
_COUNTER = re.compile("\0(\\d+)\0")
"""What stands for the counter of a loop: how deep loops stand in it."""


class NoLoop(ValueError):
    """The turns of a loop differ as text in more than numbers."""


def rows_of(module: Module) -> list[Repeat]:
    """The repeats of a module, outer ones first."""
    return [*dict.fromkeys(row for node in module.nodes for row in node.repeats)]


def is_numbered(names: Sequence[str], rows: Sequence[Rows]) -> bool:
    """Whether parts have the names that `nn.Sequential` gives them, those of all turns counted."""
    return _counted(names, rows, 0, 0) is not None


def _counted(names: Sequence[str], rows: Sequence[Rows], depth: int, number: int) -> int | None:
    """The number after parts that are named by numbers in order from this one on; None if they are not."""
    at = 0
    while at < len(names):
        row = _at(rows[at], depth)
        if row is None:
            if names[at] != str(number):
                return None
            at, number = at + 1, number + 1
            continue
        end = at + sum(row is _at(around, depth) for around in rows[at:])
        after = _counted(names[at:end], rows[at:end], depth + 1, number)
        if after is None:
            return None
        at, number = end, number + row.turns * (after - number)
    return number


def _at(rows: Rows, depth: int) -> Repeat | None:
    return rows[depth] if depth < len(rows) else None


class _Part(NamedTuple, Generic[T]):
    """A line or an item."""

    body: T
    rows: Rows
    """The repeats around it that are not loops yet."""
    beside: tuple[tuple[Repeat, int], ...] = ()
    """The rows that it stands in a turn beside, and how many turns later that is."""


class _Roller(ABC, Generic[T]):
    """Makes loops of the rows among some parts, inner ones first."""

    def __init__(self, parts: Sequence[_Part[T]]) -> None:
        self.parts = list(parts)
        for row in dict.fromkeys(row for part in parts for row in part.rows if row.height > 1):
            self._mark(row)

    def rolled(self) -> list[T]:
        while rows := [part.rows[-1] for part in self.parts if part.rows]:
            self._roll(min(rows, key=lambda row: row.height))
        return [part.body for part in self.parts]

    def _mark(self, row: Repeat) -> None:
        """Tells the turns beside a row apart: loops in one end with it."""
        places = [i for i, part in enumerate(self.parts) if row in part.rows]
        turn = [part for part in self.parts if row in part.rows]
        depth, size = turn[0].rows.index(row), len(turn)
        around = turn[0].rows[:depth]
        inside = [_turns(part.rows[depth + 1 :]) for part in turn]

        def is_turn(found: Sequence[_Part[T]], number: int) -> bool:
            return self._stands(found, turn, row, number) and all(
                part.rows[:depth] == around and _turns(part.rows[depth:]) == turns
                for part, turns in zip(found, inside, strict=True)
            )

        before, after = turns_beside(self.parts, places[0], size, is_turn)
        for number in (*range(-before, 0), *range(1, after + 1)):
            start = places[0] + number * size
            self.parts[start : start + size] = [
                part._replace(beside=(*part.beside, (row, number))) for part in self.parts[start : start + size]
            ]

    def _stands(self, found: Sequence[_Part[T]], turn: Sequence[_Part[T]], row: Repeat, number: int) -> bool:
        """Whether parts are the turn that is so many turns before that of a row or after it."""
        distance = number if number < 0 else row.turns - 1 + number
        return [part.body for part in found] == self.moved([part.body for part in turn], row, distance)

    def _roll(self, row: Repeat) -> None:
        """Replaces the turn of a row, and the turns beside it, by a loop."""
        places = [i for i, part in enumerate(self.parts) if part.rows[-1:] == (row,)]
        start, end = places[0], places[-1] + 1
        size, turn = end - start, self.parts[start:end]
        whole: _Part[None] = _Part(None, turn[0].rows[:-1], turn[0].beside)

        def is_turn(found: Sequence[_Part[T]], number: int) -> bool:
            """Also whether it is in the same turn of what is around the row."""
            beside = ([other for other in part.beside if other[0] is not row] for part in found)
            is_there = all(
                p.rows == whole.rows and others == [*whole.beside] for p, others in zip(found, beside, strict=True)
            )
            return is_there and self._stands(found, turn, row, number)

        before, after = turns_beside(self.parts, start, size, is_turn)
        if not after:
            raise NoLoop
        loop = self.loop(self.moved([part.body for part in turn], row, -before), row, before + row.turns + after)
        self.parts[start - size * before : end + size * after] = [_Part(b, whole.rows, whole.beside) for b in loop]

    @abstractmethod
    def moved(self, turn: list[T], row: Repeat, turns: int) -> list[T]:
        """A turn so many turns later."""

    @abstractmethod
    def loop(self, turn: list[T], row: Repeat, count: int) -> list[T]:
        """The loop whose first turn this is."""


def _turns(rows: Rows) -> list[int]:
    return [row.turns for row in rows]


def rolled_items(items: Sequence[Item], rows: Sequence[Rows]) -> list[Item]:
    """The parts of a numbered sequence, with the turns of each row as one comprehension. Raises `NoLoop`."""
    return _Items([_Part(item, around) for item, around in zip(items, rows, strict=True)]).rolled()


class _Items(_Roller[Item]):
    def moved(self, turn: list[Item], row: Repeat, turns: int) -> list[Item]:
        return turn

    def loop(self, turn: list[Item], row: Repeat, count: int) -> list[Item]:
        loop = f"for _ in range({_shown(count)})"
        if len(turn) == 1:
            inner = _EQUAL.fullmatch(str(turn[0].body))
            body, times = (inner[1], int(inner[2])) if inner is not None else (turn[0].body, 1)
            return [Item(f"*[{body} for _ in range({_shown(count * times)})]", comment=turn[0].comment)]
        layers = Group("for layer in (", tuple(Item(item.body) for item in turn))
        return [Item(Group("*[", (Item("layer"), Item(loop), Item(layers)), "]", ""))]


def rolled_lines(lines: Sequence[str], module: Module, *, is_forward: bool) -> list[str]:
    """The lines of a method, with the turns of each row as a loop.

    Args:
        is_forward: whether every turn has to leave a trace in it.

    Raises:
        NoLoop: they are more than that.
    """
    if not rows_of(module):
        return list(lines)
    found = list(_with_counters(_Lines.of(lines, module, is_forward=is_forward).rolled()))
    if any(len(line) > WIDTH for line in found):
        raise NoLoop
    return found


def _with_counters(lines: Sequence[str]) -> Iterator[str]:
    """The lines with a letter for each counter, `i` for that of the outermost loop."""
    letters: dict[str, str] = {}
    inside = ""
    for line in lines:
        head = _COUNTER.search(line)
        if head is not None and not (letters and line.startswith(inside)):
            letters = dict(zip(map(str, range(int(head[1]), 0, -1)), COUNTERS, strict=False))
            inside = line[: len(line) - len(line.lstrip())] + INDENT
        yield _COUNTER.sub(partial(_letter, letters), line)


def _letter(letters: Mapping[str, str], found: re.Match[str]) -> str:
    return letters[found[1]]


class _Lines(_Roller[str]):
    @classmethod
    def of(cls, lines: Sequence[str], module: Module, *, is_forward: bool) -> _Lines:
        """The lines with the repeats that they are of, which the names of parts in them tell."""
        around: list[Rows] = [()] * len(lines)
        named = {number: at for at in reversed(range(len(lines))) for number in _names(lines[at])}
        for row in rows_of(module):
            numbers = sorted(_own(row), key=lambda n: named.get(n, len(lines)))
            first = numbers[0] if numbers and numbers[0] in named else None
            before = None if first is None else named.get(first - _growth(row))
            if first is None and not is_forward:
                continue
            if first is None or before is None:
                raise NoLoop
            for at in range(named[first], min(2 * named[first] - before, len(lines))):
                around[at] = (*around[at], row)
        return cls([_Part(line, rows) for line, rows in zip(lines, around, strict=True)])

    def moved(self, turn: list[str], row: Repeat, turns: int) -> list[str]:
        return [_NUMBERS.sub(partial(_later, own=_own(row), by=turns * _growth(row)), line) for line in turn]

    def loop(self, turn: list[str], row: Repeat, count: int) -> list[str]:
        growth, counter = _growth(row), f"\0{row.height}\0"
        own = {number - n * growth for number in _own(row) for n in range(count - row.turns + 1)}
        first = min(number for line in turn for number in _names(line) if number in own)
        step = f", {growth}" if growth > 1 else ""
        start = len(turn[0]) - len(turn[0].lstrip())
        head = f"{turn[0][:start]}for {counter} in range({_shown(first)}, {_shown(first + count * growth)}{step}):"
        body = (_NUMBERS.sub(partial(_counted_from, own=own, first=first, counter=counter), line) for line in turn)
        return [head, *(INDENT + line for line in body)]


def _names(line: str) -> Iterator[int]:
    """The numbers that name parts in a line, and those that loops begin with."""
    for found in _NUMBERS.finditer(line):
        yield int(found[1] or found[2])


def _shown(number: int) -> str:
    return str(number) if number < LONG else f"{number:_}"


def _own(row: Repeat) -> set[int]:
    """The numbers that name parts of a turn."""
    return {int(node.name) for node in row.nodes if node.name.isdigit()}


def _growth(row: Repeat) -> int:
    """By how much they grow from turn to turn."""
    found = {growth for node, growth in row.growths().items() if node.name.isdigit()}
    if len(found) != 1 or not all(found):
        raise NoLoop
    return found.pop()


def _later(found: re.Match[str], own: set[int], by: int) -> str:
    if int(found[1] or found[2]) not in own:
        return found[0]
    return f'"{int(found[1]) + by}"' if found[1] else ", ".join(_shown(int(n) + by) for n in found.groups()[1:])


def _counted_from(found: re.Match[str], own: set[int], first: int, counter: str) -> str:
    """A number as it is told by the counter of a loop."""
    if int(found[1] or found[2]) not in own:
        return found[0]

    def told(number: str) -> str:
        by = int(number) - first
        return f"{counter} + {by}" if by > 0 else f"{counter} - {-by}" if by else counter

    return f"str({told(found[1])})" if found[1] else f"{told(found[2])}, {told(found[3])}"
