"""Turns of a `repeat`, or of a `for` that does not read its variable: once one is like the one before, the last of a long
row stands for all of it.

A turn is a function of what flows into it, so turns that begin alike end alike. A few turns at both ends are always
written out. What an analysis finds out turn by turn (which values need a gradient, which are still read) has settled in
them: it passes from one value that turns hand on to the next with every turn, so there are as many as such values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from archdsl.elaborate.names import Current, Names
from archdsl.elaborate.values import Poison, Tensors
from archdsl.ir import Node, Repeat, Value, split_name
from archdsl.source import Span
from archdsl.syntax import tree

FEWEST = 256
"""A row of fewer turns is written out, unless it is in another loop."""
FEWEST_INSIDE, MOST_WRITTEN = 16, 2_048
"""Inside of others a row of as few is left out, where all their turns come to so many; one around rows too."""
ENDS = 2
"""Turns before a row that are like it, and turns after it: so many, and one for each value that they hand on."""
PATIENCE = 40
"""After so many turns nothing is looked for any more."""


def fewest(count: int, around: int) -> int:
    """How many turns a row has to have to be left out, of a loop of so many in loops that come to so many turns."""
    return FEWEST_INSIDE if around > 1 and count * around >= MOST_WRITTEN else FEWEST


def is_repeat(loop: tree.For, count: int, around: int) -> bool:
    """Whether a loop of so many turns, in others, is long, and its variables are no words of its body."""
    if count < fewest(count, around):
        return False
    return not {name.text for name in loop.names} & set(re.findall(r"\w+", loop.body.span.text))


class Turns:
    """The turns of one loop as they are run."""

    def __init__(self, body: Names, statement: tree.Repeat | tree.For, fewest: int) -> None:
        self.body = body
        self._fewest = fewest
        self.span: Span = statement.span
        self._nodes = body.place.builder.module.nodes
        self._place = body.place.mark()
        self._start = len(self._nodes)
        self._turn: Sequence[Node] = ()
        self._signature: Any = None
        self._alike = 0
        self._left = (
            0 if any(isinstance(s, tree.Claim | tree.SourceNote) for s in tree.walk(statement.body)) else PATIENCE
        )

    def leave_out(self, current: Current, left: int) -> int:
        """After a turn: how many of those that are left are like it and need not be run."""
        if not self._left or current is None or isinstance(current, Poison):
            return 0
        self._left -= 1
        before, self._turn = self._turn, self._nodes[self._start :]
        self._start = len(self._nodes)
        has_rows = any(node.repeat for node in self._turn)
        fewest = min(self._fewest, FEWEST_INSIDE) if has_rows else self._fewest
        if left < fewest:
            return 0
        place, self._place = self._place, self.body.place.mark()
        if len(before) != len(self._turn):
            return 0
        known = _numbers(before, 1) | _numbers(self._turn, 0)
        signature = (
            self._place.since(place),
            [_shape(node, earlier, known) for node, earlier in zip(self._turn, before, strict=True)],
            _refs(current, known),
            {name: _tap(tap, known) for name, tap in self.body.frame.taps.items()},
        )
        self._alike = self._alike + 1 if signature == self._signature else 0
        self._signature = signature
        handed_on = {known[v] for node in self._turn for v in node.operands if known.get(v, (0,))[0] == 1}
        ends = ENDS + len(handed_on)
        row = left - ends
        if (
            self._alike < ends
            or row < fewest
            or not self.body.place.leaves_out(row, self._place.since(place), self.span)
        ):
            return 0
        self._left = 0
        Repeat(row + 1, self._turn, before, self.span).enclose()
        return row


def _numbers(turn: Iterable[Node], age: int) -> dict[Value, tuple[int, int, int]]:
    """The results of a turn by its age, the place of their node in it, and their own number."""
    return {value: (age, place, value.index) for place, node in enumerate(turn) for value in node.results}


def _refs(values: Iterable[Value], known: dict[Value, tuple[int, int, int]]) -> tuple[object, ...]:
    """Values as a turn sees them: its own, those of the turn before it, and all others."""
    return tuple(known.get(value) or id(value) for value in values)


def _tap(tap: Any, known: dict[Value, tuple[int, int, int]]) -> object:
    return (_refs(tap.values, known), tap.is_list) if isinstance(tap, Tensors) else tap


def _shape(node: Node, before: Node, known: dict[Value, tuple[int, int, int]]) -> object:
    """All that tells a node from that in the turn before it."""
    (stem, number), (old_stem, old_number) = split_name(node.name), split_name(before.name)
    results = tuple((v.type, v.channels, v.tap) for v in node.results)
    rows = [repeat.turns for repeat in node.repeats]
    name = stem, number - old_number, stem == old_stem
    return name, node.operator, _refs(node.operands, known), results, node.training, node.origin, rows
