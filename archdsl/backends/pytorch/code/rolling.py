"""Repetition in generated code, written as a loop."""

from __future__ import annotations

import re
from collections.abc import Sequence

from archdsl.backends.pytorch.code.dense import numbered
from archdsl.backends.pytorch.code.forward import Statement
from archdsl.backends.pytorch.code.growth import growing
from archdsl.backends.pytorch.code.joining import Choice, Line
from archdsl.backends.pytorch.code.layout import Group, Item

FEWEST = 4
"""Statements, or parts, that make a loop."""

_STEP = re.compile(r'self\["(\d+)"\]\((\w+), (\w+)\)')


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
            found.append(
                Item(Group("*[", (Item(f"layer for _ in range({times}) for layer in ({', '.join(texts)})"),), "]"))
            )
        elif times > 1 and _is_use(row[0]) and len(one) <= len(", ".join(texts * times)):
            found.append(Item(one))
        else:
            found += row * times
    return found


def _is_use(item: Item) -> bool:
    """Whether it is a class of this file, with no comment: a row of PyTorch's own layers is short enough."""
    return not (str(item.body).startswith(("nn.", "*")) or item.comment)


def _repeated(items: Sequence[Item], start: int) -> tuple[int, int]:
    """How many items come over and over from there on, and how often; several only if that is long."""
    for period in (1, 2, 3):
        times = 1
        row = items[start : start + period]
        while items[start + times * period : start + (times + 1) * period] == row:
            times += 1
        if times > 1 and (period == 1 or (times * period >= FEWEST and all(map(_is_use, row)))):
            return period, times
    return 1, 1


def counted(parts: Sequence[tuple[str, str]]) -> str:
    """Equal parts with counted names as pairs, `(f"layer{i}", Layer()) for i in range(12)`; nothing where they are not."""
    numbers = numbered([name for name, _ in parts])
    if len(parts) < FEWEST or numbers is None or len({text for _, text in parts}) > 1:
        return ""
    stem, start = numbers
    return f'(f"{stem}{{i}}", {parts[0][1]}) for i in range({f"{start}, " if start else ""}{start + len(parts)})'


def alternating(lines: Sequence[Line]) -> list[Line]:
    """Statements, with a row of cells that each read the last two results as one loop.

    `y = self["3"](x, y)`, `x = self["4"](y, x)`, ... becomes `x, y = self[str(i)](x, y), x`: after two turns every name
    stands for what it stood for before, and while a cell runs the same tensors are bound.
    """
    found: list[Line] = []
    position = 0
    while position < len(lines):
        end = position
        while end < len(lines) and _follows(lines[position : end + 1]):
            end += 1
        end -= (end - position) % 2
        if end - position < FEWEST:
            found.append(lines[position])
            position += 1
            continue
        found.append(_loop(lines[position:end]))
        position = end
    return found


def _follows(lines: Sequence[Line]) -> bool:
    """Whether the last statement runs the next cell on what the one before made."""
    cells = [_cell(line) for line in lines[-2:]]
    if None in cells:
        return False
    (number, current, previous, target) = cells[-1]  # type: ignore[misc]
    if target != previous or current == previous:
        return False
    return len(cells) == 1 or cells[0] == (number - 1, target, current, current)


def _cell(line: Line) -> tuple[int, str, str, str] | None:
    """The number of a cell, the names that it reads and the one that it binds."""
    if not isinstance(line, Statement) or not line.prefix.endswith(" = ") or line.training:
        return None
    found = _STEP.fullmatch(line.expression)
    return (int(found[1]), found[2], found[3], line.prefix.removesuffix(" = ")) if found is not None else None


def _loop(lines: Sequence[Line]) -> Choice:
    cell = _cell(lines[0])
    assert cell is not None
    number, current, previous, _ = cell
    turn = Statement(f"{current}, {previous} = ", f"self[str(i)]({current}, {previous}), {current}")
    return Choice(f"for i in range({number}, {number + len(lines)})", (turn,), ())
