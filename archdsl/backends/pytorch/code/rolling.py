"""Repetition in generated code, written as a loop."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Generic, NamedTuple, TypeVar

from archdsl.backends.pytorch.code.dense import numbered
from archdsl.backends.pytorch.code.growth import growing
from archdsl.backends.pytorch.code.layout import INDENT, Group, Item, lines
from archdsl.backends.pytorch.code.lines import Choice, Line
from archdsl.backends.pytorch.code.statements import Statement

L = TypeVar("L")
T = TypeVar("T")

FEWEST = 4
"""Statements, or parts, that make a loop."""

MANY = 24
"""So many of PyTorch's own layers in a row are one, too."""

_TURN = re.compile(r'self(?:\["(?P<key>\d+)"\]|\.(?P<stem>\w*?[a-z_])(?P<number>0|[1-9]\d*))(?P<rest>\(.*)')
_CELL = re.compile(r"\(\w+, \w+\), \w+")
_PART = re.compile(r' *self\["(?P<key>\d+)"\] = (?P<made>.*)')


def rolled(items: Sequence[Item]) -> list[Item]:
    """Parts of a sequence, with such as grow from one to the next, and equal ones in a row, as one comprehension."""
    found: list[Item] = []
    waiting = list(growing(items))
    position = 0
    while position < len(waiting):
        period, times = _repeated(waiting, position)
        row = waiting[position : position + period]
        position += period * times
        texts = [str(item.body) for item in row]
        one = f"*[{texts[0]} for _ in range({times})]"
        if period > 1:
            turns = Group("for layer in (", tuple(Item(item.body) for item in row))
            found.append(Item(Group("*[", (Item("layer"), Item(f"for _ in range({times})"), Item(turns)), "]", "")))
        elif times > 1 and _is_worth(row, times) and len(one) <= len(", ".join(texts * times)):
            found.append(Item(one))
        else:
            found += row * times
    return found


def _is_worth(row: Sequence[Item], times: int) -> bool:
    """Whether parts without comments are uses of classes of this file, or many: a few of PyTorch's own layers are short."""
    if any(item.comment or str(item.body).startswith("*") for item in row):
        return False
    return len(row) * times > MANY or not any(str(item.body).startswith("nn.") for item in row)


def _repeated(items: Sequence[Item], start: int) -> tuple[int, int]:
    """How many items come over and over from there on, and how often; several only if that is long."""
    for period in (1, 2, 3):
        times = 1
        row = items[start : start + period]
        while items[start + times * period : start + (times + 1) * period] == row:
            times += 1
        if times > 1 and (period == 1 or (times * period >= FEWEST and _is_worth(row, times))):
            return period, times
    return 1, 1


def counted(parts: Sequence[tuple[str, str]]) -> str:
    """Equal parts with counted names as pairs, `(f"layer{i}", Layer()) for i in range(12)`; nothing where they are not."""
    numbers = numbered([name for name, _ in parts])
    if len(parts) < FEWEST or numbers is None or len({text for _, text in parts}) > 1:
        return ""
    stem, start = numbers
    return f'(f"{stem}{{i}}", {parts[0][1]}) for i in range({f"{start}, " if start else ""}{start + len(parts)})'


def counted_calls(lines: Sequence[Line]) -> list[Line]:
    """Statements, with a row of those that call one counted part after the other as one loop.

    `x, before = self["3"](x, before), x` and so on becomes `x, before = self[str(i)](x, before), x`.
    """
    found: list[Line] = []
    for turn, row in _counted(_with_last_turn(lines), _turn):
        if turn is None:
            found += row
        else:
            found.append(Choice(f"for i in {_range(turn.number, len(row))}", (turn.form,), ()))
    return found


def _with_last_turn(lines: Sequence[Line]) -> Sequence[Line]:
    """The lines, with `return f(x)` as `x = f(x)` and `return x` where that is the last turn of a loop."""
    if len(lines) < FEWEST:
        return lines
    *_, before, last = lines
    if not (isinstance(before, Statement) and isinstance(last, Statement)):
        return lines
    if last.prefix != "return " or not before.prefix.endswith(" = "):
        return lines
    turns = [*lines[:-1], last._replace(prefix=before.prefix)]
    *_, (turn, _) = _counted(turns, _turn)
    return lines if turn is None else [*turns, Statement("return ", before.prefix.removesuffix(" = "))]


def counted_parts(lines: Sequence[str]) -> list[str]:
    """Lines of a constructor, with a row of equal parts as one loop: `self[str(i)] = Layer()`."""
    found: list[str] = []
    for part, row in _counted(lines, _part):
        if part is None:
            found += row
        else:
            indent = row[0].partition("self")[0]
            found += [f"{indent}for i in {_range(part.number, len(row))}:", f"{indent}{INDENT}{part.form}"]
    return found


class _Turn(NamedTuple, Generic[T]):
    """One of a row: its number, and how code says it with `i` in place of that."""

    number: int
    form: T


def _counted(lines: Sequence[L], turn: Callable[[L], _Turn[T] | None]) -> Iterator[tuple[_Turn[T] | None, list[L]]]:
    """The lines in rows, those that are loops each with its first turn."""

    def row(at: int) -> object:
        """What the turns of one row have in common."""
        found = turns[at]
        return at if found is None else (found.number - at, found.form)

    turns = list(map(turn, lines))
    for _, places in groupby(range(len(lines)), row):
        first, *rest = places
        yield turns[first] if len(rest) + 1 >= FEWEST else None, [lines[first], *(lines[at] for at in rest)]


def _turn(line: Line) -> _Turn[Statement] | None:
    """A part that has a key, or a cell, which reads the last two results; cells that change the size are like others."""
    found = _TURN.fullmatch(line.expression) if isinstance(line, Statement) else None
    is_cell = found is not None and _CELL.fullmatch(found["rest"]) is not None
    if not isinstance(line, Statement) or found is None or not (found["key"] or is_cell):
        return None
    part = "self[str(i)]" if found["key"] else f'getattr(self, f"{found["stem"]}{{i}}")'
    form = line._replace(expression=f"{part}{found['rest']}", comment="" if is_cell else line.comment)
    return _Turn(int(found["key"] or found["number"]), form)


def _part(line: str) -> _Turn[str] | None:
    found = _PART.fullmatch(line)
    return None if found is None else _Turn(int(found["key"]), f"self[str(i)] = {found['made']}")


def _range(start: int, count: int) -> str:
    return f"range({start}, {start + count})" if start else f"range({count})"


def written(given: Sequence[Line], indent: str) -> list[str]:
    """Statements as text."""
    found: list[str] = []
    training = False
    for line in given:
        if isinstance(line, Choice):
            found.append(f"{indent}{line.head}:")
            found += written(line.then, indent + INDENT)
            if len(line.otherwise) == 1 and isinstance(line.otherwise[0], Choice) and line.head.startswith("if "):
                first, *rest = written(line.otherwise, indent)
                found += [f"{indent}el{first.removeprefix(indent)}", *rest]
            elif line.otherwise:
                found += [f"{indent}else:", *written(line.otherwise, indent + INDENT)]
            training = False
            continue
        if line.training and not training:
            found.append(f"{indent}if self.training:")
        training = line.training
        found += _statement(line, indent + INDENT * training)
    return found


def _statement(statement: Statement, indent: str) -> list[str]:
    return lines(Item(statement.expression, statement.prefix, statement.comment), indent)
