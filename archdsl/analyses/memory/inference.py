"""The peak of inference by liveness, with the frames of calls counted.

The graph is played module by module, as the generated code runs: a call of a module holds its operands until it
returns, a module's own values are dropped at their last use, and its results outlive it. A storage is freed when its
last holder lets go. The network's inputs are the caller's and are left out of all counts here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from archdsl.analyses.memory.size import Storage, of_extra, of_type
from archdsl.analyses.storage import is_identity
from archdsl.ir import Module, Network, Node, Op, Value


class Block:
    """One storage: who made it, what for, and its bytes."""

    __slots__ = ("bytes", "is_input", "layer", "what")

    def __init__(self, layer: str, what: str, bytes: int, is_input: bool = False) -> None:
        self.layer = layer
        self.what = what
        """`output`, or the name of a tensor that only lives while its operator runs: `indices`."""
        self.bytes = bytes
        self.is_input = is_input

    def __repr__(self) -> str:
        return f"Block({self.layer!r}, {self.what!r}, {self.bytes})"


class Moment(NamedTuple):
    """While one operator runs: its operands, its results and its scratch are there, and what others hold."""

    step: int
    """From 1, in order of execution."""
    layer: str
    node: Node
    live: tuple[Block, ...]
    """Without the network's inputs, oldest first."""
    touched: tuple[Block, ...]
    """Of these, what the operator itself reads, writes or needs."""

    @property
    def bytes(self) -> int:
        return sum(block.bytes for block in self.live)


class InferenceFacts(NamedTuple):
    """What is alive while each operator runs, and when that is most."""

    moments: tuple[Moment, ...]
    peak: Moment | None
    """The first moment with the most bytes; None for a network without operators."""
    floor: int
    """The highest sum of bytes if every storage lived from its first to its last use only."""


def play(network: Network, storage: Storage, batch: int) -> InferenceFacts:
    player = _Player(storage, batch)
    inputs = [
        Block(n, "input", t.bytes * batch, True) for n, t in zip(network.inputs, network.input_types, strict=True)
    ]
    player.hold(inputs)
    outputs = [block for block in player.call(network.body, "", inputs) if block is not None]
    moments = tuple(player.moments)
    return InferenceFacts(moments, max(moments, key=lambda m: m.bytes, default=None), _floor(moments, outputs))


class _Player:
    def __init__(self, storage: Storage, batch: int) -> None:
        self.storage = storage
        self.batch = batch
        self.moments: list[Moment] = []
        self.holders: Counter[Block] = Counter()

    def hold(self, blocks: Iterable[Block]) -> None:
        self.holders.update(blocks)

    def release(self, blocks: Iterable[Block]) -> None:
        for block in blocks:
            self.holders[block] -= 1
            if not self.holders[block]:
                del self.holders[block]

    def call(self, module: Module, prefix: str, inputs: Sequence[Block]) -> list[Block | None]:
        """Runs a module whose inputs the caller holds; its results, each held once for the caller.

        What exists only while training makes nothing and gives None, yet a name that it reads lives until then.
        """
        last = {value: i for i, node in enumerate(module.nodes) for value in (*node.results, *_read(node))}
        last.update((value, len(module.nodes)) for value in module.outputs)
        known = dict(zip(module.inputs, inputs, strict=True))
        for i, node in enumerate(module.nodes):
            if not node.training:
                made = self.run(node, prefix + node.name, [known[v] for v in node.operands])
                known.update((v, block) for v, block in zip(node.results, made, strict=True) if block is not None)
            ended = {v for v in (*node.operands, *node.results) if last.get(v) == i and v.producer is not None}
            self.release(known[v] for v in ended if v in known)
        results = [known.get(v) for v in module.outputs]
        self.hold(block for block in results if block is not None)
        self.release(known[v] for v in {*module.outputs} if v in known and v.producer is not None)
        return results

    def run(self, node: Node, path: str, operands: Sequence[Block]) -> Sequence[Block | None]:
        """Runs one node; its results, each held once."""
        if isinstance(node.operator, Module):
            self.hold(operands)
            found = self.call(node.operator, path + ".", operands)
            self.release(operands)
            return found
        results = self.results(node, node.operator, path, operands)
        self.hold(results)
        if node.operator.is_source:
            return results
        extras = node.operator.scratch(node.operand_types, node.result_types)
        scratch = [Block(path, e.name, of_extra(e, self.batch).at(self.batch)) for e in extras]
        live = tuple(block for block in (*self.holders, *scratch) if not block.is_input)
        touched = tuple(dict.fromkeys((*operands, *results, *scratch)))
        self.moments.append(Moment(len(self.moments) + 1, path, node, live, touched))
        return results

    def results(self, node: Node, op: Op, path: str, operands: Sequence[Block]) -> list[Block]:
        if op.is_source:  # it gives its own parameters, which are held anyway
            return [Block(path, "parameter", 0, True)]
        shared = 0 if op.is_identity_in_inference else self.storage.shared_operand(node)
        if shared is not None:
            return [operands[shared]] * len(node.results)
        return [Block(path, "output", of_type(type).at(self.batch)) for type in node.result_types]


def _read(node: Node) -> Sequence[Value]:
    """The operands that code reads: of a node that leaves no trace in it, only what it hands on."""
    return node.operands[:1] if is_identity(node) else node.operands


def _floor(moments: Sequence[Moment], outputs: Sequence[Block]) -> int:
    last: dict[Block, int] = {block: moment.step for moment in moments for block in moment.touched}
    last.update((block, len(moments)) for block in outputs)
    return max((sum(b.bytes for b in m.live if last[b] >= m.step) for m in moments), default=0)
