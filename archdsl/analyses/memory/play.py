"""Playing a network as the generated code runs it: who holds which storage, from operator to operator.

The graph is played module by module: a call of a module holds its operands until it returns, a module's own values are
dropped at their last use, and its results outlive it. A storage is freed when its last holder lets go.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from archdsl.analyses.memory.size import Size
from archdsl.analyses.storage import is_identity
from archdsl.ir import Module, Node, Value


class Block:
    """One storage: who made it, what for, and its size."""

    __slots__ = ("bytes", "is_input", "layer", "size", "what")

    def __init__(self, layer: str, what: str, size: Size, batch: int, is_input: bool = False) -> None:
        self.layer = layer
        self.what = what
        """`output`, or the name of a tensor that an operator makes besides: `indices`, `weight gradient`."""
        self.size = size
        self.bytes = size.at(batch)
        self.is_input = is_input
        """Whether the caller holds it throughout."""

    def __repr__(self) -> str:
        return f"Block({self.layer!r}, {self.what!r}, {self.bytes})"


class HasBlock(Protocol):
    """A value while the network is played."""

    @property
    def block(self) -> Block: ...


T = TypeVar("T", bound=HasBlock)


class Plain(NamedTuple):
    """A value of which only its storage matters."""

    block: Block


class Player(ABC, Generic[T]):
    """Runs the modules of a network; what an operator does is the subclass's."""

    def __init__(self) -> None:
        self.holders: Counter[Block] = Counter()

    def runs(self, node: Node) -> bool:
        """Whether a node exists in this pass."""
        return True

    @abstractmethod
    def apply(self, node: Node, path: str, operands: Sequence[T]) -> Sequence[T]:
        """Runs one operator; its results, each held once."""

    def hold(self, blocks: Iterable[Block]) -> None:
        self.holders.update(blocks)

    def release(self, blocks: Iterable[Block]) -> None:
        for block in blocks:
            self.holders[block] -= 1
            if not self.holders[block]:
                del self.holders[block]
                self.freed(block)

    def freed(self, block: Block) -> None:
        """Called when the last holder of a storage has let go."""

    def call(self, module: Module, prefix: str, inputs: Sequence[T]) -> list[T | None]:
        """Runs a module whose inputs the caller holds; its results, each held once for the caller.

        What does not exist in this pass makes nothing and gives None, yet a name that it reads lives until then.
        """
        last = {value: i for i, node in enumerate(module.nodes) for value in (*node.results, *_read(node))}
        last.update((value, len(module.nodes)) for value in module.outputs)
        known = dict(zip(module.inputs, inputs, strict=True))
        for i, node in enumerate(module.nodes):
            if self.runs(node):
                made = self.run(node, prefix + node.name, [known[v] for v in node.operands])
                known.update((v, value) for v, value in zip(node.results, made, strict=True) if value is not None)
            ended = {v for v in (*node.operands, *node.results) if last.get(v) == i and v.producer is not None}
            self.release(known[v].block for v in ended if v in known)
        results = [known.get(v) for v in module.outputs]
        self.hold(value.block for value in results if value is not None)
        self.release(known[v].block for v in {*module.outputs} if v in known and v.producer is not None)
        return results

    def run(self, node: Node, path: str, operands: Sequence[T]) -> Sequence[T | None]:
        """Runs one node; its results, each held once."""
        if not isinstance(node.operator, Module):
            return self.apply(node, path, operands)
        blocks = [value.block for value in operands]
        self.hold(blocks)
        found = self.call(node.operator, path + ".", operands)
        self.release(blocks)
        return found


def _read(node: Node) -> Sequence[Value]:
    """The operands that code reads: of a node that leaves no trace in it, only what it hands on."""
    return node.operands[:1] if is_identity(node) else node.operands
