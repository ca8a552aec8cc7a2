"""Dense blocks: every layer reads the results of all before it. However many layers there are, they are one loop.

Huang et al. 2017: the first layer reads the input, each further one the concatenation of the input and all results so
far, and so does what follows the block.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from archdsl.backends.pytorch.code.body import Body
from archdsl.backends.pytorch.code.layout import INDENT
from archdsl.ir import Module, Node, Value

FEWEST = 3
"""Layers that make a loop."""

_NUMBERED = re.compile(r"([A-Za-z_]\w*?)(\d+)")


class Dense(NamedTuple):
    """The layers of a dense block: `stem` and a number name each, from `start` on."""

    stem: str
    start: int
    nodes: tuple[Node, ...]
    join: Node
    """One of the concatenations."""


def dense(body: Body) -> Dense | None:
    """What a body is if it is a dense block."""
    layers, joins = body.nodes[::2], body.nodes[1::2]
    if len(body.inputs) != 1 or len(layers) != len(joins) or len(layers) < FEWEST:
        return None
    if not all(isinstance(n.operator, Module) and len(n.results) == 1 and not n.training for n in layers):
        return None
    maps: list[Value] = list(body.inputs)
    reading = body.inputs[0]
    for layer, join in zip(layers, joins, strict=True):
        if body.operands(layer) != [reading] or join.operator != joins[0].operator or join.training:
            return None
        maps.append(layer.results[0])
        if body.operands(join) != maps or body.readers[join.results[0]] != 1:
            return None
        reading = join.results[0]
    numbers = numbered([n.name for n in layers])
    if body.outputs != [reading] or numbers is None:
        return None
    return Dense(*numbers, tuple(layers), joins[0])


def written_dense(call: str, joined: str) -> tuple[str, ...]:
    """The `forward` of a dense block: `call` is how a layer is called, `joined` the concatenation of `maps`."""
    return (
        "def forward(self, x: Tensor) -> Tensor:",
        f"{INDENT}first, *others = self.children()",
        f"{INDENT}maps = [x, {call.format('first', 'x')}]",
        f"{INDENT}for layer in others:",
        f"{INDENT * 2}maps.append({call.format('layer', joined)})",
        f"{INDENT}return {joined}",
    )


def numbered(names: Sequence[str]) -> tuple[str, int] | None:
    """The stem and the first number of names that are counted."""
    found = [_NUMBERED.fullmatch(name) for name in names]
    if None in found:
        return None
    start = int(found[0][2])  # type: ignore[index]
    stem = found[0][1]  # type: ignore[index]
    return (stem, start) if list(names) == [f"{stem}{start + i}" for i in range(len(names))] else None


def grows_evenly(rows: Sequence[Sequence[object]]) -> bool:
    """Whether each column is the same in all rows, or grows by the same number from row to row."""
    return len({len(row) for row in rows}) == 1 and all(step(column) is not None for column in zip(*rows, strict=True))


def step(values: Sequence[object]) -> int | None:
    """By what values grow from one to the next; 0 where they are the same, None where they do not grow evenly."""
    if all(type(v) is type(values[0]) and v == values[0] for v in values):
        return 0
    if not all(type(v) is int for v in values):
        return None
    steps = {b - a for a, b in pairwise(values)}  # type: ignore[operator]
    return steps.pop() if len(steps) == 1 else None
