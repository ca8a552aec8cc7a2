"""Graph -> graph where some values lie in another way: those of a single sample, and those of training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from archdsl.ir.extent import modules
from archdsl.ir.graph import Module, Network, Node, Repeat, Value
from archdsl.ir.op import Op, Types
from archdsl.ir.rewrite import Copier, empty_copy
from archdsl.ir.strides import BATCH
from archdsl.ir.types import TensorType


class Retyped(NamedTuple):
    """A network with other types."""

    network: Network
    originals: Mapping[Node, Node]
    """What its nodes were: of several calls that lie differently, one node each."""


Infer = Callable[[Op, Types], Types]
"""The types of an operator's results."""


def single(network: Network) -> Retyped | None:
    """The network for a single sample, of which every axis of size 1 has the stride that PyTorch gives it; None where all
    elements lie in order, or where the turns of a row come to lie otherwise."""
    values = (value for module in modules(network) for value in (*module.inputs, *_results(module)))
    if all(value.type.strides is None for value in values):
        return None
    return _retyped(network, lambda op, types: op.infer(*types), samples=1)


def trained(network: Network) -> Retyped | None:
    """The network as it is in training; None where nothing is different then, or where turns come to lie otherwise."""
    nodes = (node for module in modules(network) for node in module.nodes)
    samples = min((type.samples for type in network.input_types), default=BATCH)
    return None if all(map(_is_alike, nodes)) else _retyped(network, _in_training, samples)


def _retyped(network: Network, infer: Infer, samples: int) -> Retyped | None:
    writer = _Writer(infer, samples)
    body = writer.of(network.body, tuple(value.type._replace(samples=samples) for value in network.body.inputs))
    if not writer.has_even_turns:
        return None
    outputs = tuple(o._replace(value=v) for o, v in zip(network.outputs, body.outputs, strict=True))
    return Retyped(network._replace(body=body, outputs=outputs), writer.originals)


def _results(module: Module) -> Iterator[Value]:
    return (value for node in module.nodes for value in node.results)


def _is_alike(node: Node) -> bool:
    op = node.operator
    return isinstance(op, Module) or op.infer_in_training(*node.operand_types) in (None, node.result_types)


def _in_training(op: Op, types: Types) -> Types:
    return op.infer_in_training(*types) or op.infer(*types)


class _Writer:
    """Writes modules anew, each once for the types that it is given."""

    def __init__(self, infer: Infer, samples: int) -> None:
        self.infer = infer
        self.samples = samples
        self.originals: dict[Node, Node] = {}
        self.has_even_turns = True
        """Whether all turns that stand for a row are still like those before them."""
        self._known: dict[tuple[Module, tuple[TensorType, ...]], Module] = {}

    def of(self, module: Module, types: tuple[TensorType, ...]) -> Module:
        key = module, types
        if key not in self._known:
            self._known[key] = self._written(module, types)
        return self._known[key]

    def _written(self, old: Module, types: tuple[TensorType, ...]) -> Module:
        copier = Copier(empty_copy(old), {})
        for value, type in zip(old.inputs, types, strict=True):
            copier.add_input(value, type)
        written: dict[Node, Node] = {}
        for node in old.nodes:
            new = written[node] = self._node(node, tuple(copier.known[value] for value in node.operands))
            self.originals[new] = node
            copier.put(node, new)
        for row in dict.fromkeys(row for node in old.nodes for row in reversed(node.repeats)):
            turn, before = ([written[node] for node in nodes] for nodes in (row.nodes, row.before))
            self.has_even_turns &= _uses(turn) == _uses(before)
            Repeat(row.turns, turn, before, row.span).enclose()
        copier.module.declared = dict(old.declared)
        copier.module.outputs = [copier.known[value] for value in old.outputs]
        return copier.module

    def _node(self, old: Node, operands: tuple[Value, ...]) -> Node:
        operator, types = old.operator, tuple(value.type for value in operands)
        if isinstance(operator, Module):
            operator = self.of(operator, types)
            results = tuple(value.type for value in operator.outputs)
        else:
            results = tuple(type._replace(samples=self.samples) for type in self.infer(operator, types))
        return Node(old.name, operator, operands, results, old.origin, old.training)


def _uses(nodes: Sequence[Node]) -> list[tuple[object, Types]]:
    return [(node.operator, node.operand_types) for node in nodes]
