"""How large a network is: its distinct modules, and the operators that it has with all of them written out."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from archdsl.ir.graph import Module, Network, Node, Repeat

LISTED_LIMIT = 100_000
"""Operators and calls that a network may have, to be read one by one."""


class TooManyOperators(ValueError):
    """A network that is too large to be read operator by operator."""


class Extent:
    """The operators and calls of each module, those of the modules that it calls included."""

    def __init__(self, network: Network, most_turns: int | None = None) -> None:
        self.most_turns = most_turns
        """If given, no more turns of each row of turns are counted."""
        self.written: dict[int, int] = {}
        """By the identity of the module: as the graph has it, calls written out and turns not."""
        self.unrolled: dict[int, int] = {}
        """With all turns."""
        for module in modules(network):
            self.written[id(module)] = sum(1 + self.written.get(id(n.operator), 0) for n in module.nodes)
            self.unrolled[id(module)] = sum(map(self.of, module.nodes))

    def of(self, node: Node) -> int:
        """How many a node stands for."""
        most = self.most_turns
        times = node.times if most is None else prod(min(repeat.turns, most) for repeat in node.repeats)
        return times * (1 + self.unrolled.get(id(node.operator), 0))

    def of_turns(self, repeat: Repeat) -> int:
        """How many all turns of a repeat have."""
        return sum(map(self.of, repeat.nodes))


def check_listed(network: Network) -> None:
    """Raises `TooManyOperators` for a network that has more than `LISTED_LIMIT` with the blocks of all calls written out."""
    count = Extent(network).written[id(network.body)]
    if count > LISTED_LIMIT:
        raise TooManyOperators(_too_many(network, count, "all blocks"))


def check_unfolded(network: Network, most_turns: int | None = None) -> None:
    """Raises `TooManyOperators` for one that has more than `LISTED_LIMIT` with its turns of loops written out, too."""
    count = unrolled(network, most_turns)
    if count > LISTED_LIMIT:
        raise TooManyOperators(_too_many(network, count, "all blocks and turns"))


def is_listed(network: Network) -> bool:
    """Whether it has no more than `LISTED_LIMIT` with the blocks of all calls written out."""
    return Extent(network).written[id(network.body)] <= LISTED_LIMIT


def unrolled(network: Network, most_turns: int | None = None) -> int:
    """Its operators and calls with all turns of loops, or no more than so many of each row."""
    return Extent(network, most_turns).unrolled[id(network.body)]


def runs(network: Network) -> dict[int, int]:
    """How often each module is run, by its identity: the calls of all turns and of all calls around them."""
    found = {id(module): 0 for module in modules(network)} | {id(network.body): 1}
    for module in reversed([*modules(network)]):
        for node in module.nodes:
            if isinstance(node.operator, Module):
                found[id(node.operator)] += node.times * found[id(module)]
    return found


def _too_many(network: Network, count: int, parts: str) -> str:
    return f"`{network.name}` has {count:_} operators with {parts} written out: at most {LISTED_LIMIT:_} are listed"


def modules(network: Network) -> Iterator[Module]:
    """Every distinct module, callees before callers, the network's body last."""
    seen: set[int] = set()

    def visit(module: Module) -> Iterator[Module]:
        if id(module) in seen:
            return
        seen.add(id(module))
        for node in module.nodes:
            if isinstance(node.operator, Module):
                yield from visit(node.operator)
        yield module

    yield from visit(network.body)
