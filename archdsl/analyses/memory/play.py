"""Playing a network as the generated code runs it: who holds which storage, from operator to operator.

The graph is played module by module: a call of a module holds its operands until it returns, a module's own values are
dropped at their last use, and its results outlive it. A storage is freed when its last holder lets go.

A turn that stands for a row of turns is played once, and what it changes is changed as often as there are turns: the turns
next to a row are like those in it, so a storage that it makes for the next turn is dropped there as the one that it was
given is dropped in it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from archdsl.analyses.memory.size import Size
from archdsl.analyses.storage import is_identity
from archdsl.ir import Module, Node, Repeat, Value, parts, split_name


class Block:
    """One storage: who made it, what for, and its size."""

    __slots__ = ("bytes", "holders", "is_input", "layer", "row", "size", "times", "what")

    def __init__(self, layer: str, what: str, size: Size, batch: int, is_input: bool = False) -> None:
        self.layer = layer
        self.what = what
        """`output`, or the name of a tensor that an operator makes besides: `indices`, `weight gradient`."""
        self.size = size
        self.bytes = size[0] + size[1] * batch
        self.is_input = is_input
        """Whether the caller holds it throughout."""
        self.times = 1
        """How many alike it stands for: as many turns of loops make one."""
        self.row: Row | None = None
        """The row of turns that makes these."""
        self.holders = 0

    @property
    def whole(self) -> Size:
        """The size of all that it stands for."""
        return self.size if self.times == 1 else self.size.by(self.times)

    def __repr__(self) -> str:
        return f"Block({self.layer!r}, {self.what!r}, {self.bytes})"


class Row:
    """A row of turns that is played as one, inside of others."""

    __slots__ = ("fixed", "outer", "per_sample", "step", "times", "turns")

    def __init__(self, turns: int, outer: Row | None) -> None:
        self.turns = turns
        self.outer = outer
        self.times: int = turns if outer is None else turns * outer.times
        """How often its operators run."""
        self.step = self.fixed = self.per_sample = 0
        """The step and the bytes alive when it began."""


class HasBlock(Protocol):
    """A value while the network is played."""

    @property
    def block(self) -> Block: ...


T = TypeVar("T", bound=HasBlock)
H = TypeVar("H", bound=HasBlock)


class Plain(NamedTuple):
    """A value in inference: of which only its storage matters, and whether it is learned."""

    block: Block
    is_learned: bool = False
    """Whether it is a parameter or a view of one: such a tensor requires a gradient even where none is made."""


class Player(ABC, Generic[T]):
    """Runs the modules of a network; what an operator does is the subclass's."""

    def __init__(self) -> None:
        self.step = 0
        """How many moments there were, those of all turns."""
        self.fixed = self.per_sample = 0
        """All bytes that are alive, where they are counted: of any batch, and of each sample."""
        self.row: Row | None = None
        """The innermost that is being played."""
        self.times = 1
        """How often what happens now happens."""
        self.alike: dict[str, str] = {}
        """The paths of what is in the turns beside rows: in the turn that stands for them."""
        self._last_uses: dict[Module, dict[Node, list[Value]]] = {}

    def begin(self, row: Row) -> None:
        row.step, row.fixed, row.per_sample = self.step, self.fixed, self.per_sample
        self.row, self.times = row, row.times

    def end(self, row: Row) -> None:
        """Repeats what the first turn has changed."""
        self.step = row.step + row.turns * (self.step - row.step)
        self.fixed = row.fixed + row.turns * (self.fixed - row.fixed)
        self.per_sample = row.per_sample + row.turns * (self.per_sample - row.per_sample)
        self.row, self.times = row.outer, row.times // row.turns

    def move_to(self, row: Row | None) -> None:
        """Goes on in a row that was left before, or in none."""
        if row is self.row:
            return
        while self.row is not None and self.row not in rows_around(row):
            self.end(self.row)
        for inner in rows_around(row):
            if self.row is inner.outer:
                self.begin(inner)

    def _beside(self, repeat: Repeat, prefix: str) -> None:
        """Knows as many turns before and after a row as values may wait to be dropped."""
        distances = [turn for i in range(len(repeat.carried()) + 1) for turn in (-1 - i, repeat.turns + i)]
        for node, growth in repeat.growths().items():
            stem, number = split_name(node.name)
            if growth:
                beside = (f"{prefix}{stem}{number + turn * growth}" for turn in distances)
                self.alike.update(dict.fromkeys(beside, prefix + node.name))

    def runs(self, node: Node) -> bool:
        """Whether a node exists in this pass."""
        return True

    @abstractmethod
    def apply(self, node: Node, path: str, operands: Sequence[T]) -> Sequence[T]:
        """Runs one operator; its results, each held once."""

    def hold(self, blocks: Iterable[Block]) -> None:
        for block in blocks:
            block.holders += 1

    def release(self, blocks: Iterable[Block]) -> None:
        for block in blocks:
            block.holders -= 1
            if not block.holders:
                self.freed(block)

    def keep(self, values: Iterable[T]) -> None:
        """One name more for each value."""
        self.hold(value.block for value in values)

    def drop(self, values: Iterable[T]) -> None:
        """One name less for each value."""
        self.release(value.block for value in values)

    def let_go(self, node: Node, values: Sequence[T]) -> None:
        """Drops what a node uses last."""
        operator = node.operator
        if isinstance(operator, Module) or not operator.gathers:
            self.drop(values)
            return
        self.in_own_rows(values, self.drop)

    def in_own_rows(self, values: Iterable[H], let_go: Callable[[tuple[H]], None]) -> None:
        """Lets go of what turns of loops have made, each as often as they have."""
        around = self.row
        for value in values:
            self.move_to(inner(value.block.row, around))
            let_go((value,))
        self.move_to(around)

    def freed(self, block: Block) -> None:
        """Called when the last holder of a storage has let go."""

    def call(self, module: Module, prefix: str, inputs: Sequence[T]) -> list[T | None]:
        """Runs a module whose inputs the caller holds; its results, each held once for the caller.

        What does not exist in this pass makes nothing and gives None, yet a name that it reads lives until then.
        """
        last_uses = self._last_uses.get(module)
        if last_uses is None:
            last_uses = self._last_uses[module] = _last_uses(module)
        known = dict(zip(module.inputs, inputs, strict=True))
        self._nodes(module.nodes, None, prefix, last_uses, known)
        results = [known.get(v) for v in module.outputs]
        self.keep([value for value in results if value is not None])
        self.drop([known[v] for v in dict.fromkeys(module.outputs) if v in known and v.producer is not None])
        return results

    def _nodes(
        self,
        nodes: Sequence[Node],
        around: Repeat | None,
        prefix: str,
        last_uses: Mapping[Node, Sequence[Value]],
        known: dict[Value, T],
    ) -> None:
        for part in parts(nodes, around):
            if isinstance(part, Repeat):
                row = Row(part.turns, self.row)
                self._beside(part, prefix)
                self.begin(row)
                self._nodes(part.nodes, part, prefix, last_uses, known)
                self.end(row)
                continue
            if self.runs(part):
                made = self.run(part, prefix + part.name, [known[v] for v in part.operands])
                known |= {v: value for v, value in zip(part.results, made, strict=True) if value is not None}
            if part in last_uses:
                self.let_go(part, [known[v] for v in last_uses[part] if v in known])

    def run(self, node: Node, path: str, operands: Sequence[T]) -> Sequence[T | None]:
        """Runs one node; its results, each held once."""
        if not isinstance(node.operator, Module):
            return self.apply(node, path, operands)
        blocks = [value.block for value in operands]
        self.hold(blocks)
        found = self.call(node.operator, path + ".", operands)
        self.release(blocks)
        return found


def inner(row: Row | None, around: Row | None) -> Row | None:
    """A row of turns if it is directly in another one, else that one."""
    return row if row is not None and row.outer is around else around


def alike_in(alike: Mapping[str, str], path: str) -> str:
    """A path, in the turn that stands for the one that it is in (`Player.alike`)."""
    if not alike:
        return path
    found = ""
    for name in path.split("."):
        found = f"{found}.{name}" if found else name
        found = alike.get(found, found)
    return found


def rows_around(row: Row | None) -> list[Row]:
    """A row and those around it, outermost first."""
    found: list[Row] = []
    while row is not None:
        found.insert(0, row)
        row = row.outer
    return found


def _last_uses(module: Module) -> dict[Node, list[Value]]:
    """The module's own values by the nodes that use them last; its outputs outlive all of them."""
    last: dict[Value, Node | None] = {v: node for node in module.nodes for v in (*node.results, *_read(node))}
    last.update(dict.fromkeys(module.outputs))
    found: dict[Node, list[Value]] = {}
    for value, node in last.items():
        if node is not None and value.producer is not None:
            found.setdefault(node, []).append(value)
    return found


def _read(node: Node) -> Sequence[Value]:
    """The operands that code reads: of a node that leaves no trace in it, only what it hands on."""
    return node.operands[:1] if is_identity(node) else node.operands
