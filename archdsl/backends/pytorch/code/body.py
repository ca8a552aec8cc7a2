"""A module's body as code sees it: identities are other names of their operand, and each value knows its readers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from typing import NamedTuple

from archdsl.analyses.storage import is_identity
from archdsl.ir import Module, Node, Repeat, TensorType, Value, turns_beside

MANY = 8
"""Results that a type need not list one by one."""


class Returns(NamedTuple):
    """What a network returns: a tensor, or an instance of a class where it has several outputs."""

    output_class: str
    training: tuple[bool, ...]
    """For each output, whether it exists only while training."""


class Body:
    """The nodes of a module that become code, in the order they run.

    Args:
        written: identities that have code all the same: they are none at other sizes.
    """

    def __init__(self, module: Module, written: Set[Node] = frozenset()) -> None:
        idle = {n for n in module.nodes if is_identity(n)} - written
        self.parts = [n for n in module.nodes if n not in idle]
        """With the learned tensors, which code names where it reads them."""
        self.nodes = [n for n in self.parts if isinstance(n.operator, Module) or not n.operator.is_source]
        self._aliases = {n.results[0]: n.operands[0] for n in idle}
        self.inputs = module.inputs
        self.outputs = [self._itself(v) for v in module.outputs]
        self.readers = Counter(v for n in self.nodes for v in self.operands(n))
        self.readers.update(self.outputs)
        self.last = {v: i for i, n in enumerate(self.nodes) for v in self.operands(n)}
        """Where each value is read for the last time; past the nodes where it is an output."""
        self.last.update((v, len(self.nodes)) for v in self.outputs)
        self.follows = {new: self._itself(old) for new, old in _handed_on(module)}
        """What each turn of a row, or beside it, hands on, with what it was itself given in its place."""

    def _itself(self, value: Value) -> Value:
        while value in self._aliases:
            value = self._aliases[value]
        return value

    def operands(self, node: Node) -> list[Value]:
        """What the node reads, under no other name."""
        return [self._itself(v) for v in node.operands]

    def tap_ahead(self, value: Value) -> str:
        """The tap of what a value becomes, one layer after the other, if something reads that beside other values."""
        tap = ""
        while self.readers[value] == 1 and self.last[value] < len(self.nodes):
            tap = value.tap or tap
            reader = self.nodes[self.last[value]]
            if self.operands(reader) != [value]:
                return tap
            if len(reader.results) != 1:
                return ""
            (value,) = reader.results
        return ""

    @property
    def is_chain(self) -> bool:
        """Whether it is one sequence of distinct parts: each reads only what the one before made, which no other reads."""
        if len(self.inputs) != 1 or len(self.outputs) != 1:
            return False
        current = self.inputs[0]
        for node in self.nodes:
            if self.operands(node) != [current] or self.readers[current] != 1 or len(node.results) != 1:
                return False
            current = node.results[0]
        names = {n.name for n in self.nodes}
        return self.outputs[0] is current and self.readers[current] == 1 and len(names) == len(self.nodes)


def _handed_on(module: Module) -> Iterator[tuple[Value, Value]]:
    """What turns of rows, and turns beside them, hand on to the next, each with what the turn was given."""
    places = {node: place for place, node in enumerate(module.nodes)}
    for row in dict.fromkeys(row for node in module.nodes for row in node.repeats):
        turns = _turns(module.nodes, row, places[row.nodes[0]])
        for old, new in row.carried().items():
            assert new.producer is not None
            readers = ((n, i) for n, node in enumerate(row.nodes) for i, v in enumerate(node.operands) if v is old)
            reader, operand = next(readers)
            maker = row.nodes.index(new.producer)
            for turn in turns:
                node = module.nodes[turn + maker]
                yield node.results[new.index], module.nodes[turn + reader].operands[operand]


def _turns(nodes: Sequence[Node], row: Repeat, start: int) -> range:
    """The places where the turn of a row begins, and turns beside it."""
    size = len(row.nodes)
    before, after = turns_beside(nodes, start, size, lambda found, _: row.is_like(found))
    return range(start - before * size, start + after * size + 1, size)


def annotation(body: Body, returns: Returns | None) -> str:
    """The type of what a `forward` returns."""
    if returns is None:
        types = ["Tensor | None" if is_training(v) else "Tensor" for v in body.outputs]
        if len(types) > MANY and len(set(types)) == 1:
            return f"tuple[{types[0]}, ...]"
        return f"tuple[{', '.join(types)}]" if len(types) > 1 else "".join(types) or "None"
    if not returns.output_class:
        return "Tensor"
    return f"Tensor | {returns.output_class}" if returns.training.count(False) == 1 else returns.output_class


def changed_type(source: TensorType | None, node: Node) -> str:
    """The type of the results where it is not the source's."""
    types = list(map(str, node.result_types))
    if set(types) <= {str(source)}:
        return ""
    return f"{types[0]} each" if len(types) > 1 and len(set(types)) == 1 else ", ".join(types)


def label(node: Node) -> str:
    """What a node is called; nothing where it is one of several that are counted, `subtract_2`."""
    is_counted = not isinstance(node.operator, Module) and re.fullmatch(rf"{node.operator.name}_\d+", node.name)
    return "" if is_counted else node.name


def is_training(value: Value) -> bool:
    """Whether it is made while training alone."""
    return value.producer is not None and value.producer.training
