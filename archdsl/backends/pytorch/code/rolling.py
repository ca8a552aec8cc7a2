"""Repetition in generated code, written as a loop."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from archdsl.backends.pytorch.code.dense import numbered
from archdsl.backends.pytorch.code.forward import Statement
from archdsl.backends.pytorch.code.growth import growing
from archdsl.backends.pytorch.code.layout import INDENT, Group, Item, lines
from archdsl.backends.pytorch.code.lines import Choice, Line

FEWEST = 4
"""Statements, or parts, that make a loop."""

MANY = 24
"""So many of PyTorch's own layers in a row are one, too."""

_TURN = re.compile(
    r'self(?:\["(?P<key>\d+)"\]|\.(?P<stem>\w*?[a-z_])(?P<number>0|[1-9]\d*))(?P<rest>\(\w+, \w+\), \w+)'
)


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


def counted_cells(lines: Sequence[Line]) -> list[Line]:
    """Statements, with a row of cells that each read the last two results as one loop.

    `x, before = self["3"](x, before), x` and so on becomes `x, before = self[str(i)](x, before), x`.
    """
    found: list[Line] = []
    turns = [_turn(line) for line in lines]
    position = 0
    while position < len(lines):
        turn, end = turns[position], position + 1
        while (
            turn is not None and end < len(lines) and turns[end] == turn._replace(number=turn.number + end - position)
        ):
            end += 1
        if turn is None or end - position < FEWEST:
            end = position + 1
            found.append(lines[position])
        else:
            numbers = f"{turn.number}, {turn.number + end - position}" if turn.number else str(end - position)
            found.append(Choice(f"for i in range({numbers})", (Statement(turn.prefix, f"{turn.cell}{turn.rest}"),), ()))
        position = end
    return found


class _Turn(NamedTuple):
    """One cell: its number, how code says it with `i` in place of that, and what stands around."""

    number: int
    cell: str
    prefix: str
    rest: str


def _turn(line: Line) -> _Turn | None:
    found = _TURN.fullmatch(line.expression) if isinstance(line, Statement) else None
    if found is None or not isinstance(line, Statement):
        return None
    cell = "self[str(i)]" if found["key"] else f'getattr(self, f"{found["stem"]}{{i}}")'
    return _Turn(int(found["key"] or found["number"]), cell, line.prefix, found["rest"])


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
