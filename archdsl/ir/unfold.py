"""Graph -> graph in which every turn is written out: what the compiled module has, node by node."""

from __future__ import annotations

from collections.abc import Sequence

from archdsl.ir.extent import check_unfolded, modules
from archdsl.ir.graph import Module, Network, Node, Repeat, parts, split_name
from archdsl.ir.rewrite import Copier, Rewritten, empty_copy, is_unchanged, rewrite


def is_unfolded(network: Network) -> bool:
    """Whether every turn of its loops is written out."""
    return not any(node.repeat for module in modules(network) for node in module.nodes)


def unfold(network: Network, most_turns: int | None = None) -> Network:
    """The network with all turns written out. One that has none left out is given back itself.

    Args:
        most_turns: no more turns of each row of turns, which makes another network of the same kind.

    Raises:
        TooManyOperators: they come to more than `LISTED_LIMIT` operators.
    """
    if is_unfolded(network):
        return network
    check_unfolded(network, most_turns)
    return rewrite(
        network, lambda old, made: old if is_unchanged(old, made) else _Unfolder(old, made, most_turns).module
    )


def written(network: Network, path: str) -> str | None:
    """The path in the turn that stands for the one that a path is in; itself where it is written out, None for none."""
    module: object = network.body
    found: list[str] = []
    for name in path.split("."):
        if not isinstance(module, Module):
            return None
        node = next((n for n in module.nodes if n.name == name), None) or stands_for(module, name)
        if node is None:
            return None
        found.append(node.name)
        module = node.operator
    return ".".join(found)


def stands_for(module: Module, name: str) -> Node | None:
    """The node of a module that stands for one of a name in some turn; None where no turn has such a one."""
    stem, number = split_name(name)
    for node in module.nodes:
        own, first = split_name(node.name)
        if own == stem and node.repeat is not None and _is_later(node, number - first):
            return node
    return None


def _is_later(node: Node, distance: int) -> bool:
    """Whether the number of a node grows by so much in some of the turns around it."""
    for row in node.repeats:
        growth = row.growths()[node]
        turn = max(min(distance // growth, row.turns - 1), 0) if growth else 0
        distance -= turn * growth
    return distance == 0


class _Unfolder(Copier):
    """Writes out one module."""

    def __init__(self, old: Module, made: Rewritten, most_turns: int | None) -> None:
        super().__init__(empty_copy(old), made)
        self.most_turns = most_turns
        for value in old.inputs:
            self.add_input(value)
        self.module.declared = {name: sum(n.times for n in old.nodes[:index]) for name, index in old.declared.items()}
        self._write(old.nodes, None, {})
        self.module.outputs = [self.known[value] for value in old.outputs]

    def _write(self, nodes: Sequence[Node], around: Repeat | None, shifts: dict[Node, int]) -> None:
        """Writes nodes that stand directly in a repeat, or in none; names move on by `shifts`."""
        for part in parts(nodes, around):
            if isinstance(part, Node):
                self.add(part, _later(part.name, shifts.get(part, 0)))
                continue
            carried, growths = part.carried(), part.growths()
            for turn in range(min(part.turns, self.most_turns or part.turns)):
                moved = {node: shifts.get(node, 0) + turn * growths[node] for node in part.nodes}
                if turn:
                    self.known.update({old: self.known[new] for old, new in carried.items()})
                self._write(part.nodes, part, moved)


def _later(name: str, shift: int) -> str:
    stem, number = split_name(name)
    return f"{stem}{number + shift}" if shift else name
