"""A pass of inference under autocast, played as the forward pass of a step is, but without gradients.

What is cast for the whole pass is held to its end, so a network is played as a whole and modules are not composed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from archdsl.analyses.memory.play import Block, Row
from archdsl.analyses.memory.settings import Arithmetic, settings_in
from archdsl.analyses.memory.size import Size, Storage
from archdsl.analyses.memory.step.forward import Forward
from archdsl.analyses.memory.step.ledger import Event
from archdsl.analyses.memory.step.tape import Tensor
from archdsl.ir import Network, Node


class Seen(NamedTuple):
    """A moment of the pass: in a row of turns that of the last one, where most is held."""

    layer: str
    node: Node
    size: Size
    """All bytes that are alive."""
    read: tuple[Block, ...]
    """What its operator reads."""
    began: int
    events: int
    """How many events came before its operator, and before the moment."""


class Passed(NamedTuple):
    """A whole pass."""

    moments: tuple[Seen, ...]
    events: tuple[Event, ...]
    rows: tuple[tuple[int, Row | None], ...]
    """In which row of turns the pass is from which event on."""
    results: tuple[Block, ...]
    precisions: dict[str, tuple[str, ...]]
    """Of what is at a path the types of its results with floating-point numbers."""
    unsure: tuple[str, ...]
    refused: dict[str, str]
    alike: dict[str, str]
    """As a step that was played has it."""

    def row(self, event: int) -> Row | None:
        """The row in which an event is."""
        return self.rows[bisect_right(self.rows, event, key=lambda change: change[0]) - 1][1]


def infer(network: Network, storage: Storage, arithmetic: Arithmetic, batch: int) -> Passed:
    """Plays a pass for a batch of one, or of any that is larger."""
    return _Inferring(network, storage, arithmetic, batch).play()


class _Inferring(Forward):
    is_grad_enabled = False

    def __init__(self, network: Network, storage: Storage, arithmetic: Arithmetic, batch: int) -> None:
        super().__init__(network, storage, settings_in(arithmetic), batch, "cpu")
        self._moments: list[Seen] = []
        self._rows: list[tuple[int, Row | None]] = [(0, None)]
        self._first: dict[Row, int] = {}
        """Of rows the numbers of their first moments."""
        self._precisions: dict[str, tuple[str, ...]] = {}

    def play(self) -> Passed:
        named = zip(self.network.inputs, self.network.input_types, strict=True)
        inputs = [self.given(name, "input", type) for name, type in named]
        self.hold(value.block for value in inputs)
        outputs = [value for value in self.call(self.network.body, "", inputs) if value is not None]
        results = tuple(dict.fromkeys(value.block for value in outputs))
        moments, events, rows = tuple(self._moments), tuple(self.events), tuple(self._rows)
        return Passed(moments, events, rows, results, self._precisions, (*self.unsure,), self.refused, self.alike)

    def begin(self, row: Row) -> None:
        super().begin(row)
        self._first[row] = len(self._moments)
        self._rows.append((len(self.events), row))

    def end(self, row: Row) -> None:
        """What a turn leaves behind is there as often as there are turns before the last one."""
        left = Size(self.fixed - row.fixed, self.per_sample - row.per_sample).by(row.turns - 1)
        super().end(row)
        for i in range(self._first[row], len(self._moments)):
            self._moments[i] = self._moments[i]._replace(size=self._moments[i].size.plus(left))
        self._rows.append((len(self.events), row.outer))

    def runs(self, node: Node) -> bool:
        return not node.training

    def run(self, node: Node, path: str, operands: Sequence[Tensor]) -> Sequence[Tensor | None]:
        results = super().run(node, path, operands)
        self._precisions[path] = tuple(value.dtype for value in results if value is not None and value.type.is_float)
        return results

    def apply(self, node: Node, path: str, operands: Sequence[Tensor]) -> list[Tensor]:
        if not node.name:  # one of the operators that run in place of another one
            return super().apply(node, path, operands)
        marks, events = len(self.marks), len(self.events)
        results = super().apply(node, path, operands)
        read = tuple(value.block for value in operands)
        self._moments += [
            Seen(path, node, Size(mark.fixed, mark.per_sample), read, events, mark.events)
            for mark in self.marks[marks:]
        ]
        return results
