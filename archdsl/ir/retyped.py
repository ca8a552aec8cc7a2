"""Graph -> graph where some values lie in another way: those of a single sample, and those of training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from archdsl.ir.extent import modules
from archdsl.ir.graph import Module, Network, Node, Value
from archdsl.ir.op import Op, Types
from archdsl.ir.rewrite import Copier, empty_copy
from archdsl.ir.types import TensorType


class Retyped(NamedTuple):
    """A network with other types."""

    network: Network
    originals: Mapping[Node, Node]
    """What its nodes were: of several calls that lie differently, one node each."""


Infer = Callable[[Op, Types], Types | None]
"""The types of an operator's results where they are other than `infer` says."""


def single(network: Network) -> Retyped | None:
    """The network for a single sample; None where nothing is different then, or where turns of a loop are not written out."""
    return _retyped(network, lambda op, types: op.infer_alone(*types))


def trained(network: Network) -> Retyped | None:
    """The network as it is in training; None likewise."""
    return _retyped(network, lambda op, types: op.infer_in_training(*types))


def _retyped(network: Network, infer: Infer) -> Retyped | None:
    nodes = [node for module in modules(network) for node in module.nodes]
    if all(_is_alike(node, infer) for node in nodes) or any(node.repeat for node in nodes):
        return None
    writer = _Writer(infer)
    body = writer.of(network.body, tuple(value.type for value in network.body.inputs))
    outputs = tuple(o._replace(value=v) for o, v in zip(network.outputs, body.outputs, strict=True))
    return Retyped(network._replace(body=body, outputs=outputs), writer.originals)


def _is_alike(node: Node, infer: Infer) -> bool:
    op = node.operator
    return isinstance(op, Module) or infer(op, node.operand_types) in (None, node.result_types)


class _Writer:
    """Writes modules anew, each once for the types that it is given."""

    def __init__(self, infer: Infer) -> None:
        self.infer = infer
        self.originals: dict[Node, Node] = {}
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
        for node in old.nodes:
            new = self._node(node, tuple(copier.known[value] for value in node.operands))
            self.originals[new] = node
            copier.put(node, new)
        copier.module.declared = dict(old.declared)
        copier.module.outputs = [copier.known[value] for value in old.outputs]
        return copier.module

    def _node(self, old: Node, operands: tuple[Value, ...]) -> Node:
        operator, types = old.operator, tuple(value.type for value in operands)
        if isinstance(operator, Module):
            operator = self.of(operator, types)
            results = tuple(value.type for value in operator.outputs)
        else:
            results = self.infer(operator, types) or operator.infer(*types)
        return Node(old.name, operator, operands, results, old.origin, old.training)
