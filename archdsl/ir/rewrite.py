"""Graph -> graph, module by module."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from archdsl.ir.extent import modules
from archdsl.ir.graph import Module, Network, Node, Value
from archdsl.ir.types import TensorType

Rewritten = dict[int, Module]
"""The modules that were written anew, by the `id` of what they were."""


def rewrite(network: Network, write: Callable[[Module, Rewritten], Module]) -> Network:
    """The network with each module as `write` has it: anew, or as it is. Those that it calls are written before it."""
    made: Rewritten = {}
    for module in modules(network):
        made[id(module)] = write(module, made)
    body = made[id(network.body)]
    outputs = tuple(o._replace(value=v) for o, v in zip(network.outputs, body.outputs, strict=True))
    return network._replace(body=body, outputs=outputs)


def is_unchanged(module: Module, made: Mapping[int, Module]) -> bool:
    """Whether a module has no rows of turns, nor calls what was written anew."""
    return all(n.repeat is None and made.get(id(n.operator), n.operator) is n.operator for n in module.nodes)


def empty_copy(old: Module) -> Module:
    """A module of the same kind, name and arguments, without anything in it."""
    new = Module(old.kind, old.name, old.origin, text=old.text, doc=old.doc)
    new.arguments, new.parameters, new.operations = old.arguments, old.parameters, old.operations
    return new


class Copier:
    """Copies nodes into a new module, their calls to what was written anew."""

    def __init__(self, module: Module, made: Mapping[int, Module]) -> None:
        self.module = module
        self.made = made
        self.known: dict[Value, Value] = {}
        """The new values by the old ones."""

    def add_input(self, value: Value, type: TensorType | None = None) -> None:
        """Makes a value one that the module is given, of its own type unless told another."""
        new = Value(type or value.type)
        self.know(value, new)
        self.module.inputs.append(new)

    def add(self, old: Node, name: str) -> None:
        """Copies a node under a name."""
        operator = old.operator
        if isinstance(operator, Module):
            operator = self.made.get(id(operator), operator)
        operands = tuple(self.known[v] for v in old.operands)
        self.put(old, Node(name, operator, operands, old.result_types, old.origin, old.training))

    def put(self, old: Node, new: Node) -> None:
        """Adds a node in place of an old one."""
        for value, result in zip(old.results, new.results, strict=True):
            self.know(value, result)
        self.module.nodes.append(new)

    def know(self, old: Value, new: Value) -> None:
        """Says what a value is now."""
        new.tap, new.channels = old.tap, old.channels
        self.known[old] = new
