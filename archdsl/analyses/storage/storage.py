"""Storage: which results are written into, or are views of, the storage of an operand.

An operator may overwrite its operand where nobody else can see the difference. Three rules decide it, and each asks
facts of operators only:

1. the operator offers it (`saved_in_place`), and the result has the operand's type;
2. it is the only reader: no other node and no output of the module uses the operand;
3. the operand is *fresh*: its storage was made for it alone, and nobody keeps that storage for backward.

A module's inputs are never fresh, since its callers are not known. The result of a call is fresh if it is so inside the
module that is called and nothing else there reads it. One decision serves training and inference: there is one source.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import NamedTuple

from archdsl.ir import Module, Network, Node, Value, modules, single


class StorageFacts(NamedTuple):
    """The storage of every result of a network."""

    in_place: frozenset[Node]
    """The operators that overwrite their first operand: activations, and merges that accumulate into it."""

    def of(self, originals: Mapping[Node, Node]) -> StorageFacts:
        """The same for copies of nodes, by what they are copies of."""
        return StorageFacts(frozenset(node for node, original in originals.items() if original in self.in_place))

    def shared_operand(self, node: Node) -> int | None:
        """The operand whose storage an operator's results are in; None where it makes storage of their own.

        Of a call nothing is said: its results are those of the operators inside.
        """
        if isinstance(node.operator, Module):
            return None
        return 0 if node in self.in_place or node.operator.is_view(*node.operand_types) else None


def storage(network: Network) -> StorageFacts:
    """Decides for every operator of the network's distinct modules whether it runs in place, whatever the batch."""
    alone = single(network)
    forbidden: set[Node] = set()
    if alone is not None:
        in_place = _in_place(alone.network, forbidden)
        forbidden = {original for node, original in alone.originals.items() if node not in in_place}
    return StorageFacts(frozenset(_in_place(network, forbidden)))


def _in_place(network: Network, forbidden: Set[Node]) -> Set[Node]:
    alike = [*_alike(network)]
    while True:
        decider = _Decider(forbidden)
        for module in modules(network):
            decider.decide(module)
        apart = {n for nodes in alike if not decider.in_place.issuperset(nodes) for n in nodes} & decider.in_place
        if not apart:
            return decider.in_place
        forbidden = forbidden | apart


def _alike(network: Network) -> Iterator[tuple[Node, ...]]:
    """The operators at one place of a shared instance, of each module that it is for values of other types: one in the code."""
    for module in modules(network):
        uses: dict[str, dict[int, Module]] = {}
        for node in module.nodes:
            if isinstance(node.operator, Module):
                uses.setdefault(node.name, {})[id(node.operator)] = node.operator
        for found in uses.values():
            if len(found) > 1:
                yield from _places([*found.values()])


def _places(variants: Sequence[Module]) -> Iterator[tuple[Node, ...]]:
    for nodes in zip(*(module.nodes for module in variants), strict=False):
        inner = [node.operator for node in nodes if isinstance(node.operator, Module)]
        if inner:
            yield from _places(inner)
        else:
            yield nodes


def is_identity(node: Node) -> bool:
    """Whether the node gives back its operand itself, the same tensor, and so leaves no trace in code."""
    if isinstance(node.operator, Module) or not node.operator.is_view(*node.operand_types):
        return False
    lowering = node.operator.pytorch(*node.operand_types)
    return lowering.module is None and lowering.function is not None and lowering.function.template == "{0}"


class _Decider:
    def __init__(self, forbidden: Set[Node]) -> None:
        self.in_place: set[Node] = set()
        self._forbidden = forbidden
        self._fresh_outputs: dict[int, tuple[bool, ...]] = {}
        self._readers: Counter[Value] = Counter()

    def decide(self, module: Module) -> None:
        """Decides for the operators of one module, those that it calls having been seen before."""
        uses = Counter(node.name for node in module.nodes)
        self._readers = Counter(_itself(v) for n in module.nodes if not is_identity(n) for v in n.operands)
        self._readers.update(_itself(v) for v in module.outputs)
        for node in module.nodes:
            # An instance with several uses is one module in the code, so it cannot be in place in some of them.
            if uses[node.name] == 1 and node not in self._forbidden and self._may_overwrite(node):
                self.in_place.add(node)
        self._fresh_outputs[id(module)] = tuple(self._is_free(_itself(v)) for v in module.outputs)

    def _may_overwrite(self, node: Node) -> bool:
        op, operands, results = node.operator, node.operand_types, node.result_types
        if isinstance(op, Module) or op.saved_in_place(operands, results) is None:
            return False
        return results[0] == operands[0] and self._is_free(_itself(node.operands[0]))

    def _is_free(self, value: Value) -> bool:
        return self._readers[value] == 1 and self._is_fresh(value)

    def _is_fresh(self, value: Value) -> bool:
        node = value.producer
        if node is None:
            return False
        op = node.operator
        if isinstance(op, Module):
            return self._fresh_outputs[id(op)][value.index]
        # A source gives its own parameter. Autograd forbids overwriting one of several results that are views, and
        # pays for overwriting any view with copies in backward.
        types = node.operand_types, node.result_types
        is_view = op.is_view(*types[0]) or op.gives_view(*types[0])
        if op.is_source or len(node.results) > 1 or is_view or op.is_identity_in_inference:
            return False
        kept = op.saved_in_place(*types) if node in self.in_place else op.saved(*types)
        return kept is not None and not kept.result


def _itself(value: Value) -> Value:
    """The value, or what it is another name of."""
    while value.producer is not None and is_identity(value.producer):
        value = value.producer.operands[0]
    return value
