"""Repetition in generated code, written as a loop."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from archdsl.backends.pytorch.dense import numbered, step
from archdsl.backends.pytorch.forward import Statement
from archdsl.backends.pytorch.joining import Choice, Line
from archdsl.backends.pytorch.layout import Group, Item

FEWEST = 4
"""Statements, or parts that grow, that make a loop."""

_STEP = re.compile(r'self\["(\d+)"\]\((\w+), (\w+)\)')


def rolled(items: Sequence[Item]) -> list[Item]:
    """Parts of a sequence, with equal ones in a row, and such as grow evenly, as one comprehension."""
    found: list[Item] = []
    for item, alike in groupby(_grown(items)):
        times = len(list(alike))
        text = str(item.body)
        in_one = f"*[{text} for _ in range({times})]"
        # Only classes of this file: a row of PyTorch's own layers is short enough.
        is_use = not (text.startswith(("nn.", "*")) or item.comment)
        if is_use and len(in_one) <= len(", ".join([text] * times)):
            found.append(Item(in_one))
        else:
            found += [item] * times
    return found


def counted(parts: Sequence[tuple[str, str]]) -> str:
    """Equal parts with counted names as pairs, `(f"layer{i}", Layer()) for i in range(12)`; nothing where they are not."""
    numbers = numbered([name for name, _ in parts])
    if len(parts) < FEWEST or numbers is None or len({text for _, text in parts}) > 1:
        return ""
    stem, start = numbers
    return f'(f"{stem}{{i}}", {parts[0][1]}) for i in range({f"{start}, " if start else ""}{start + len(parts)})'


def _grown(items: Sequence[Item]) -> Iterator[Item]:
    """The items, with each row that grows evenly as one."""
    position = 0
    while position < len(items):
        end = position + 1
        while end < len(items) and _growing(items[position : end + 1]):
            end += 1
        if end - position < FEWEST:
            yield items[position]
            position += 1
            continue
        yield _growing(items[position:end])[0]._replace(comment=items[end - 1].comment)
        position = end


def _growing(items: Sequence[Item]) -> list[Item]:
    """The calls as one comprehension, `*[Unit(i, i + 2) for i in range(16, 24, 2)]`; none if they do not grow evenly."""
    calls = [item.body for item in items if isinstance(item.body, Group) and not item.prefix]
    if len(calls) < len(items) or len({(c.open, len(c.items)) for c in calls}) > 1 or calls[0].open.startswith("nn."):
        return []
    columns = [[str(i) for i in column] for column in zip(*(c.items for c in calls), strict=True)]
    steps = [
        0 if len(set(c)) == 1 else step([int(t) for t in c]) if all(map(str.isdecimal, c)) else None for c in columns
    ]
    growths = {s for s in steps if s != 0}
    if len(growths) != 1 or None in growths:
        return []
    (by,) = growths
    first = next(int(c[0]) for c, s in zip(columns, steps, strict=True) if s)
    assert by is not None
    arguments = [_shifted(int(c[0]) - first) if s else c[0] for c, s in zip(columns, steps, strict=True)]
    bounds = f"{first}, {first + by * len(items)}" + (f", {by}" if by != 1 else "")
    return [Item(f"*[{calls[0].open}{', '.join(arguments)}) for i in range({bounds})]")]


def _shifted(by: int) -> str:
    return "i" if not by else f"i {'+' if by > 0 else '-'} {abs(by)}"


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
