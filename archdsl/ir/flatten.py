"""The network as one list of operators in the order they run: what training and tables are read from.

A turn that stands for many is listed once, with the number of times that its operators are there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from archdsl.ir.extent import check_listed, runs
from archdsl.ir.graph import Module, Network, Node, Repeat, Value, parts
from archdsl.ir.op import Op
from archdsl.ir.types import TensorType


class Layer(NamedTuple):
    """One operator of the unrolled network. Values are numbers: one for each tensor that exists."""

    path: str
    node: Node
    op: Op
    operands: tuple[int, ...]
    results: tuple[int, ...]
    calls: tuple[tuple[str, Node], ...]
    """The calls around it, outermost first, each with its path."""
    training: bool
    is_reuse: bool
    """A further use of a shared instance: its weights have been counted."""
    times: int = 1
    """How often it is there: in how many turns of the repeats around it and around its calls."""

    @property
    def operand_types(self) -> tuple[TensorType, ...]:
        return self.node.operand_types

    @property
    def result_types(self) -> tuple[TensorType, ...]:
        return self.node.result_types


class Turns(NamedTuple):
    """Layers that stand for the layers of a row of turns: from the number `first` to before `end`."""

    first: int
    end: int
    turns: int
    """How many turns they stand for, each time that the loop around them is run."""
    carried: tuple[tuple[int, int], ...]
    """Values of the turn before that they read, each with the own value that the next turn reads in its place."""


class Flat(NamedTuple):
    """The layers, the values of the network's inputs and outputs, and the type of every value."""

    layers: tuple[Layer, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    types: tuple[TensorType, ...]
    paths: dict[str, tuple[int, ...]]
    """The results of every path: operators, groups, block calls (of a shared one: its first use), outputs, then inputs."""
    turns: tuple[Turns, ...] = ()
    """In order of their first layers, outer ones before inner ones."""


def flatten(network: Network, training: bool = False, *, once: bool = False) -> Flat:
    """Unrolls all calls; leaves out what only exists while training unless asked for it.

    Args:
        once: each module is listed where it is first called, with the number of times that its operators are there in all its
            calls; the list does not say then what they read there.

    Raises:
        TooManyOperators: they come to more than `LISTED_LIMIT` operators.
    """
    if not once:
        check_listed(network)
    unroller = _Unroller(training, runs(network) if once else {})
    body = network.body
    inputs = tuple(unroller.new(v.type) for v in body.inputs)
    outputs = unroller.run(body, "", inputs, (), False)
    kept: list[int] = []
    for output, result in zip(network.outputs, outputs, strict=True):
        if result is not None and (training or not output.training):
            unroller.paths.setdefault(output.name, (result,))
            kept.append(result)
    for name, value in zip(network.inputs, inputs, strict=True):
        unroller.paths.setdefault(name, (value,))
    return Flat(tuple(unroller.layers), inputs, tuple(kept), tuple(unroller.types), unroller.paths, unroller.sorted())


class _Call(NamedTuple):
    """A call that is unrolled: what its layers have in common."""

    prefix: str
    calls: tuple[tuple[str, Node], ...]
    training: bool
    times: int


class _Unroller:
    def __init__(self, training: bool, runs: Mapping[int, int]) -> None:
        self.training = training
        self.runs = runs
        """How often modules are run that are listed once, by their identity."""
        self.listed: set[int] = set()
        self.layers: list[Layer] = []
        self.types: list[TensorType] = []
        self.paths: dict[str, tuple[int, ...]] = {}
        self.turns: list[Turns] = []

    def sorted(self) -> tuple[Turns, ...]:
        return tuple(sorted(self.turns, key=lambda t: (t.first, -t.end)))

    def new(self, type: TensorType) -> int:
        self.types.append(type)
        return len(self.types) - 1

    def run(
        self,
        module: Module,
        prefix: str,
        inputs: tuple[int, ...],
        calls: tuple[tuple[str, Node], ...],
        training: bool,
        times: int = 1,
    ) -> tuple[int | None, ...]:
        """Adds the module's layers; the numbers of its outputs, None for what exists only while training."""
        known: dict[Value, int] = dict(zip(module.inputs, inputs, strict=True))
        self._nodes(module.nodes, None, _Call(prefix, calls, training, times), known)
        return tuple(known.get(v) for v in module.outputs)

    def _nodes(self, nodes: Sequence[Node], around: Repeat | None, call: _Call, known: dict[Value, int]) -> None:
        for part in parts(nodes, around):
            if isinstance(part, Repeat):
                first = len(self.layers)
                self._nodes(part.nodes, part, call, known)
                pairs = ((known.get(old), known.get(new)) for old, new in part.carried().items())
                carried = tuple((old, new) for old, new in pairs if old is not None and new is not None)
                self.turns.append(Turns(first, len(self.layers), part.turns, carried))
            elif self.training or not part.training:
                self._node(part, call, known)

    def _listed_before(self, node: Node) -> tuple[int | None, ...]:
        """The results of a further call of a module that is listed once; nothing for other calls."""
        if id(node.operator) not in self.runs:
            return ()
        if id(node.operator) in self.listed:
            return tuple(self.new(type) for type in node.result_types)
        self.listed.add(id(node.operator))
        return ()

    def _node(self, node: Node, call: _Call, known: dict[Value, int]) -> None:
        path = call.prefix + node.name
        operands = tuple([known[v] for v in node.operands])
        inside, times = call.training or node.training, call.times * node.times
        if isinstance(node.operator, Module):
            times = self.runs.get(id(node.operator), times)
            found = self._listed_before(node) or self.run(
                node.operator, path + ".", operands, (*call.calls, (path, node)), inside, times
            )
            known.update((v, n) for v, n in zip(node.results, found, strict=True) if n is not None)
            results = tuple(n for n in found if n is not None)
        else:
            first = len(self.types)
            self.types += node.result_types
            results = tuple(range(first, len(self.types)))
            known.update(zip(node.results, results, strict=True))
            reuse = path in self.paths
            self.layers.append(Layer(path, node, node.operator, operands, results, call.calls, inside, reuse, times))
        self.paths.setdefault(path, results)
