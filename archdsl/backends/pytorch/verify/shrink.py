"""The smallest part of a network that still shows a difference."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice

from archdsl.ir import Builder, Misfit, Module, Network, Node, Op, Output, TensorType, Value, modules

Shows = Callable[[Network], bool]
"""Whether a network shows the difference in question."""

PARTS_LIMIT = 400
"""Parts of a network that are tried: a large network with a difference in every layer answers at the first."""


def smallest(network: Network, shows: Shows) -> Network:
    """A layer alone if it shows the difference, else the smallest module that does, without the nodes it can do without."""
    for part in islice(chain(_layers(network), _modules(network)), PARTS_LIMIT):
        if shows(part):
            return _without_needless(part, shows)
    return _without_needless(network, shows)


def _layers(network: Network) -> Iterator[Network]:
    """Each distinct operator at its operand types, as a network of its own."""
    seen: set[tuple[Op, tuple[TensorType, ...]]] = set()
    for module in modules(network):
        for node in module.nodes:
            if isinstance(node.operator, Op) and (key := (node.operator, node.operand_types)) not in seen:
                seen.add(key)
                yield from _alone([node])


def _modules(network: Network) -> Iterator[Network]:
    """Each distinct module but the whole, as a network of its own, callees first."""
    for module in modules(network):
        if module is not network.body:
            yield from _alone(module.nodes)


def _without_needless(network: Network, shows: Shows) -> Network:
    """Leaves out runs of nodes, long ones first, as long as the difference is there."""
    length = len(network.body.nodes) // 2
    while length:
        start = 0
        while start < len(network.body.nodes):
            nodes = network.body.nodes[:start] + network.body.nodes[start + length :]
            smaller = next((n for n in _alone(nodes) if shows(n)), None)
            network = smaller or network
            start += 0 if smaller else length
        length //= 2
    return network


def _alone(nodes: Sequence[Node]) -> Iterator[Network]:
    """The nodes as a network, if they can be one: what they read and do not make is an input, what nobody reads an output."""
    if not nodes:
        return
    try:
        yield _Part(nodes).network
    except Misfit:  # without what made its operands in another order, a node may not fit
        return


class _Part:
    def __init__(self, nodes: Sequence[Node]) -> None:
        self.builder = Builder("network", "Difference", nodes[0].origin)
        self.known: dict[Value, Value] = {}
        for node in nodes:
            self._add(node)
        self.network = self._finish()

    def _add(self, node: Node) -> None:
        operands = tuple(map(self._operand, node.operands))
        if isinstance(node.operator, Module):
            results = self.builder.call(node.name, node.operator, operands, node.origin)
        else:
            results = self.builder.apply(node.name, node.operator, operands, node.origin)
        self.known.update(zip(node.results, results, strict=True))

    def _operand(self, value: Value) -> Value:
        if value not in self.known:
            type = value.type
            if not type.batched or type.places is not None:
                raise Misfit("a learned tensor or the switches of a pool cannot be an input")
            self.known[value] = self.builder.input(TensorType(type.shape, type.dtype))
        return self.known[value]

    def _finish(self) -> Network:
        module = self.builder.module
        read = {v for node in module.nodes for v in node.operands}
        for node in module.nodes:
            for value in node.results:
                if value not in read and value.type.places is None:
                    self.builder.output(value)
        inputs = tuple(f"x{i}" for i in range(len(module.inputs)))
        outputs = tuple(Output(f"out{i}", value) for i, value in enumerate(module.outputs))
        return Network("Difference", module, inputs, outputs)
