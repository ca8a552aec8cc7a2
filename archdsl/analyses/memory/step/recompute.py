"""Activation checkpointing: parts of a network that keep only their operands for backward, which runs them again.

The rules are those of `torch.utils.checkpoint` without reentry, as `archdsl.checkpoint` uses it. The first run keeps the
operands and the state of the random generator. When backward first needs a tensor of the part, the part runs again and
stops at the last tensor that backward reads; its buffers are copied before, since a batch norm would follow the batch twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archdsl.analyses.memory.play import Block, Row
from archdsl.analyses.memory.size import Size
from archdsl.analyses.memory.step.tape import Entry, Part
from archdsl.analyses.weights import begins_with, matches, no_part, not_found
from archdsl.ir import Module, Network, Node, TensorType, flatten

RANDOM_STATE = Size(5056)
"""The state of the CPU's random generator (`torch.get_rng_state`)."""


class Replay:
    """The second run of a part."""

    __slots__ = ("besides", "dead", "entries", "inner", "is_over", "last")

    def __init__(self, part: Part) -> None:
        self.last = part.last
        self.entries = iter(part.entries)
        self.inner: list[Iterator[Part]] = []
        """Of the parts that run in it, outermost first, those in them, as the first run has them."""
        self.is_over = False
        """Whether the last tensor that backward reads is there."""
        self.dead: Entry | None = None
        """The operator that runs, where nobody reads what it makes."""
        self.besides: list[tuple[Block, Row | None]] = []
        """What dies with it, and the row of turns that it is made in: numbers that its operators keep, random states."""


def naming(node: Node, path: str, patterns: Sequence[str]) -> set[str]:
    """The patterns that name a node; none for what has no weights, which is left alone."""
    found = {pattern for pattern in patterns if node.name and matches(path, pattern)}
    return found if found and learns(node) else set()


def learns(node: Node) -> bool:
    """Whether parameters are in it; a learned tensor is one, not a module that has one."""
    operator = node.operator
    if isinstance(operator, Module):
        return any(learns(inner) or _is_learned(inner) for inner in operator.nodes)
    return not operator.is_source and _is_learned(node)


def _is_learned(node: Node) -> bool:
    return any(s.role == "parameter" for s in node.state)


def not_checkpointed(network: Network, pattern: str) -> str:
    """Why a pattern names nothing that can be checkpointed: nothing with weights, or what is in another part."""
    layers = flatten(network, training=True).layers
    learned = {s.key(layer.path): layer for layer in layers for s in layer.node.state if s.role == "parameter"}
    for name, layer in learned.items():
        if begins_with(name, pattern):
            return no_part(pattern, layer.path if learns(layer.node) else layer.path.rpartition(".")[0])
    return not_found(pattern, learned)


def buffers(node: Node) -> Iterator[tuple[TensorType, int]]:
    """The buffers of a node and how many alike there are in turns of loops in it; those of a shared instance once."""
    operator = node.operator
    if isinstance(operator, Module):
        for inner in {n.name: n for n in reversed(operator.nodes)}.values():
            yield from ((type, times * inner.times) for type, times in buffers(inner))
        return
    for state in node.state:
        if state.role != "parameter":
            yield TensorType(state.shape, state.dtype, batched=False), 1
