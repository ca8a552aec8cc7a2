"""Graph -> graph in which each turn of a long loop is a call: a picture shows it once, and says how often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from functools import partial

from archdsl.ir import (
    Copier,
    Module,
    Network,
    Node,
    Repeat,
    Rewritten,
    Value,
    empty_copy,
    is_unchanged,
    is_unfolded,
    rewrite,
    turns_beside,
)

TURN = ""
"""The name of the groups that are turns, which no group of a spec has."""


def gathered(network: Network) -> Network:
    """The network with a call for each row of turns, and for each turn beside one. One without rows is given back itself."""
    if is_unfolded(network):
        return network
    return rewrite(network, _gathered)


def _gathered(old: Module, made: Rewritten) -> Module:
    if is_unchanged(old, made):
        return old
    new = empty_copy(old)
    new.declared = old.declared
    _Copier(new, made, old.outputs).write(old.inputs, old.nodes, 0)
    return new


class _Turn:
    """What the turns of a row have in common, as a module."""

    def __init__(self, row: Repeat, depth: int, read: Set[Value], made: Mapping[int, Module]) -> None:
        """`read` are the values that others read."""
        self.row = row
        own = {value for node in row.nodes for value in node.results}
        shown = {*row.carried().values()} | read
        self.inputs = [*dict.fromkeys(v for node in row.nodes for v in node.operands if v not in own)]
        self.outputs = [(i, v.index) for i, node in enumerate(row.nodes) for v in node.results if v in shown]
        self.module = Module("group", TURN, row.nodes[0].origin)
        _Copier(self.module, made, self.results(row.nodes)).write(self.inputs, row.nodes, depth + 1)

    def results(self, nodes: Sequence[Node]) -> list[Value]:
        """What a turn with these nodes makes for others."""
        return [nodes[place].results[index] for place, index in self.outputs]

    def given(self, nodes: Sequence[Node], read: Set[Value]) -> list[Value] | None:
        """What a turn with these nodes is given for the inputs; None if they are no such turn."""
        if not self.row.is_like(nodes):
            return None
        if {v for node in nodes for v in node.results if v in read} - {*self.results(nodes)}:
            return None
        found: dict[Value, Value] = {}
        for own, other in zip(self.row.nodes, nodes, strict=True):
            for asked, value in zip(own.operands, other.operands, strict=True):
                if asked in self.inputs and found.setdefault(asked, value) is not value:
                    return None
        return [found[value] for value in self.inputs]

    def rename(self, first: Sequence[Node]) -> None:
        """Gives the layers the names that they have in the first turn."""
        _rename(self.module, {own.name: other.name for own, other in zip(self.row.nodes, first, strict=True)})


def _rename(module: Module, names: Mapping[str, str]) -> None:
    for node in module.nodes:
        node.name = names.get(node.name, node.name)
        if isinstance(node.operator, Module) and node.operator.name == TURN:
            _rename(node.operator, names)


class _Copier(Copier):
    """Copies nodes into a module with these outputs."""

    def __init__(self, module: Module, made: Mapping[int, Module], outputs: Sequence[Value]) -> None:
        super().__init__(module, made)
        self.outputs = outputs

    def write(self, inputs: Sequence[Value], nodes: Sequence[Node], depth: int) -> None:
        """Writes the whole module, of nodes that stand so deep in repeats."""
        for value in inputs:
            self.add_input(value)
        self._write(nodes, depth)
        self.module.outputs = [self.known[value] for value in self.outputs]

    def _write(self, nodes: Sequence[Node], depth: int) -> None:
        turns = self._turns(nodes, depth)
        at = 0
        while at < len(nodes):
            if at in turns:
                turn, name = turns[at]
                at += self._call(turn, nodes[at : at + len(turn.row.nodes)], name)
                continue
            self.add(nodes[at], nodes[at].name)
            row = next(iter(nodes[at].repeats[depth:]), None)
            self._repeat(row)
            at += 1

    def _repeat(self, row: Repeat | None) -> None:
        """Makes the node that was added last stand for a row."""
        if row is not None:
            before, node = self.module.nodes[-2:]
            node.repeat = Repeat(row.turns, [node], [before], row.span)

    def _turns(self, nodes: Sequence[Node], depth: int) -> dict[int, tuple[_Turn, str]]:
        """The places where rows of several layers, and turns beside them, begin, each with the name of its call."""
        rows = dict.fromkeys(n.repeats[depth] for n in nodes if len(n.repeats) > depth)
        found: dict[int, tuple[_Turn, str]] = {}
        for number, row in enumerate(sorted(rows, key=lambda row: -row.height), 1):
            size, start = len(row.nodes), nodes.index(row.nodes[0])
            if start in found or (size == 1 and isinstance(row.nodes[0].operator, Module)):
                continue
            turn = _Turn(row, depth, self._read(nodes, row.nodes), self.made)
            before, after = turns_beside(nodes, start, size, partial(self._is_turn, turn, nodes))
            first = start - size * before
            turn.rename(nodes[first : first + size])
            stem = "turn" if number == 1 else f"loop_{number}_turn"
            for place in range(-before, after + 1):
                count = before + 1 + place + (row.turns - 1 if place > 0 else 0)
                found.setdefault(start + size * place, (turn, f"{stem}_{count}"))
        return found

    def _is_turn(self, turn: _Turn, nodes: Sequence[Node], found: Sequence[Node], _: int) -> bool:
        return turn.given(found, self._read(nodes, found)) is not None

    def _read(self, nodes: Sequence[Node], own: Sequence[Node]) -> set[Value]:
        """What others than some nodes read."""
        return {*self.outputs, *(v for node in nodes if node not in own for v in node.operands)}

    def _call(self, turn: _Turn, nodes: Sequence[Node], name: str) -> int:
        """Adds the call of a turn; how many nodes it stands for."""
        given = turn.given(nodes, set())
        given = turn.inputs if given is None else given
        results = turn.results(nodes)
        operands = tuple(self.known[value] for value in given)
        first = nodes[0]
        node = Node(name, turn.module, operands, tuple(v.type for v in results), first.origin, first.training)
        for old, value in zip(results, node.results, strict=True):
            self.know(old, value)
        self.module.nodes.append(node)
        if first is turn.row.nodes[0]:
            self._repeat(turn.row)
        return len(nodes)
