"""Uses of shared instances: operators of the graph that are one in the code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from archdsl.ir import Lowering, Module, Network, Node, modules


def agreed(network: Network, lowerings: Mapping[Node, Lowering]) -> dict[Node, Lowering]:
    """The lowerings in which all uses of a shared instance agree: in general form where only that is the same for all, and
    without it where some uses have none.
    """
    found, uses = dict(lowerings), list(_uses(network))
    while general := {
        n: g for pair in uses if len({found[n].code for n in pair}) > 1 for n in pair if (g := found[n].general)
    }:
        found |= general
    while apart := {n for pair in uses if len({found[n].general for n in pair}) > 1 for n in pair}:
        found |= {n: found[n]._replace(general=None) for n in apart}
    return found


def _uses(network: Network) -> Iterator[tuple[Node, Node]]:
    """The operators of the first use of each shared instance, each with what it is in another use."""
    seen: set[tuple[int, int]] = set()

    def pairs(first: Node, other: Node) -> Iterator[tuple[Node, Node]]:
        inside, beside = first.operator, other.operator
        if not isinstance(inside, Module) or not isinstance(beside, Module):
            yield first, other
        elif inside is not beside and (id(inside), id(beside)) not in seen:
            seen.add((id(inside), id(beside)))
            for nodes in zip(inside.nodes, beside.nodes, strict=True):
                yield from pairs(*nodes)

    for module in modules(network):
        firsts: dict[str, Node] = {}
        for node in module.nodes:
            if firsts.setdefault(node.name, node) is not node:
                yield from pairs(firsts[node.name], node)
