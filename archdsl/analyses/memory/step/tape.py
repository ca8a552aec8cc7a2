"""What autograd remembers of a forward pass: a node for each operator that needs a gradient, in the order of creation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from typing import NamedTuple

from archdsl.analyses.memory.play import Block, Row
from archdsl.analyses.memory.size import FLOAT32, Size, Stands
from archdsl.analyses.memory.step.answers import OpFacts
from archdsl.ir import Extra, Node, Op, Reader, Saved, TensorType, Types


class Flowing:
    """A gradient on its way: a tensor, which several edges may share, in some storage."""

    __slots__ = ("block", "holders", "is_view", "type")

    def __init__(self, block: Block, type: TensorType, is_view: bool = False) -> None:
        self.block = block
        self.type = type
        self.is_view = is_view
        self.holders = 1


class Leaf:
    """A parameter or a buffer."""

    __slots__ = ("arriving", "gradient", "holders", "is_parameter", "is_trained", "key", "size", "times", "users")

    def __init__(self, key: str, size: Size, *, is_parameter: bool, is_trained: bool, times: int = 1) -> None:
        self.key = key
        self.size = size
        self.is_parameter = is_parameter
        self.times = times
        """How many alike it stands for."""
        self.is_trained = is_trained
        self.holders = 0
        self.users = 0
        """Gradients that it will still get."""
        self.arriving: Flowing | None = None
        self.gradient: Block | None = None


class Entry:
    """One operator on the tape."""

    __slots__ = (
        "_edges",
        "_kept",
        "arriving",
        "edges",
        "facts",
        "holders",
        "incoming",
        "layer",
        "node",
        "op",
        "operands",
        "parameters",
        "part",
        "results",
        "row",
        "stands",
        "users",
    )

    def __init__(
        self,
        layer: str,
        op: Op,
        operands: Types,
        results: Types,
        edges: Sequence[Edge | None],
        parameters: dict[str, Edge],
        stands: Stands = FLOAT32,
        node: Node | None = None,
        facts: OpFacts | None = None,
    ) -> None:
        self.layer = layer
        self.op = op
        self.operands = operands
        self.results = results
        self.edges = edges
        """For each operand what it came from; None where no gradient is wanted."""
        self.parameters = parameters
        """Where the gradients of its own parameters go, of those that are trained, by their names."""
        self.node = node
        self.facts = facts
        self.stands = stands
        """What its facts call float32."""
        self.incoming = stands
        """The same in the gradients of its results."""
        self.arriving: dict[int, Flowing] = {}
        """Gradients of its results, by number."""
        self.part: Part | None = None
        """The part that has to run again before it finds what it kept."""
        self.row: Row | None = None
        """The row of turns that it is in."""
        self.users = 0
        """Gradients that it will get; none where the loss does not depend on it."""
        self.holders = 0
        """Names of its results, and operators that hand a gradient on to it: with the last one it dies."""
        self._kept: dict[str, list[Block]] = {}
        self._edges = {f"x{i}": edge for i, edge in enumerate(edges) if edge is not None}
        self._edges |= parameters

    @property
    def needs_gradient(self) -> bool:
        return bool(self._edges)

    @property
    def wanted(self) -> set[str]:
        """The names of the operands and parameters whose gradients are wanted."""
        return set(self._edges)

    @property
    def names(self) -> tuple[str, ...]:
        """The same in order."""
        return tuple(self._edges)

    @property
    def leads_to(self) -> Iterable[Edge]:
        """Where the gradients that it makes go."""
        return self._edges.values()

    def wants(self, reader: Reader) -> bool:
        """Whether the gradient of an operand or of a parameter is wanted."""
        return (reader if isinstance(reader, str) else f"x{reader}") in self._edges

    def expect(self, given: Sequence[str]) -> None:
        """A parameter waits for all gradients that its derivatives give of it, as of a value and of its length."""
        for name, (source, _) in self._edges.items():
            if isinstance(source, Leaf):
                source.users += max(given.count(name), 1) - 1

    def keeps_weight(self, name: str) -> bool:
        """Whether backward reads one of its weights; it reads no biases."""
        if "bias" in name:
            return False
        if self.op.weights_for:
            return any(map(self.wants, self.op.weights_for.get(name, (name,))))
        return self.op.keeps_weights or any(self.edges)

    @property
    def forgotten(self) -> tuple[Extra, ...]:
        """What the operator makes and drops where nothing is kept."""
        made = self.op.forgotten_scratch if self.needs_gradient else self.op.frozen_scratch
        found = made(self.operands, self.results)
        return tuple(e for e in found if not e.is_for_readers or any(map(self.wants, e.readers)))

    def unread(self, kept: Saved) -> tuple[Extra, ...]:
        """What it makes, and drops since no gradient that is wanted reads it."""
        read = [*kept.extras_for(self.wants)]
        unread = {extra.name for extra in kept.extra if extra not in read}
        if kept.copies:
            operands = {*kept.operands_for(len(self.edges), self.wants)}
            unread |= {copy.name for i, copy in kept.copies if i not in operands}
        if not unread:
            return ()
        return tuple(extra for extra in self.op.scratch(self.operands, self.results) if extra.name in unread)

    def keep(self, name: str, block: Block) -> None:
        self._kept.setdefault(name, []).append(block)

    @property
    def blocks(self) -> Iterator[Block]:
        """What it keeps."""
        return (block for blocks in self._kept.values() for block in blocks)

    @property
    def kept(self) -> Set[str]:
        """The names of what it keeps."""
        return self._kept.keys()

    def drop(self, names: Set[str]) -> list[Block]:
        """No longer keeps these; the blocks to let go of, in the order in which they were kept."""
        return [block for name in [name for name in self._kept if name in names] for block in self._kept.pop(name)]

    def drop_but(self, names: Set[str]) -> list[Block]:
        """Keeps no others than these."""
        if names:
            return self.drop(self._kept.keys() - names)
        found = [block for blocks in self._kept.values() for block in blocks]
        self._kept.clear()
        return found

    def edge(self, name: str) -> Edge | None:
        """Where the gradient of an operand or of a parameter goes, by its name; None for a tensor in between."""
        return self._edges.get(name)


class Edge(NamedTuple):
    """Where a gradient goes: a result of an operator, or a parameter."""

    source: Entry | Leaf
    number: int


class Tensor(NamedTuple):
    """A value of the forward pass: its storage, and where its gradient goes."""

    block: Block
    edge: Edge | None
    type: TensorType
    dtype: str = "float32"
    """Of a value with floating-point numbers, what `type` calls float32."""


class Part:
    """One call that is checkpointed."""

    __slots__ = (
        "entries",
        "given",
        "handed",
        "is_recomputed",
        "last",
        "node",
        "operands",
        "outer",
        "path",
        "random_state",
        "row",
        "waiting",
    )

    def __init__(
        self,
        node: Node,
        path: str,
        operands: Sequence[Tensor],
        random_state: Block,
        outer: Part | None,
        row: Row | None,
    ) -> None:
        self.node = node
        self.row = row
        """The row of turns that it is in."""
        self.path = path
        self.operands = operands
        self.outer = outer
        """The one that it is in, whose second run makes its operands again."""
        self.random_state = random_state
        self.given = operands if outer is None else ()
        """What it was called with: kept, with what it came from, until backward has used all that the second run made."""
        self.handed: list[Block] = []
        """The operands, from the second run of the outer part to its own."""
        self.entries: list[Entry | Part] = []
        """All operators and parts in it, in the order they run; what is in these parts is theirs."""
        self.last: Entry | Part | None = None
        """The last one that keeps a tensor, or is handed one: there the second run stops."""
        self.waiting = 0
        """How many keep something that backward has not used yet."""
        self.is_recomputed = False
        if outer is not None:
            outer.contain(self)

    @property
    def kept(self) -> tuple[Block, ...]:
        """The storages that it keeps."""
        return (self.random_state, *(value.block for value in self.given))

    def note(self, entry: Entry, *, keeps: bool) -> None:
        """Takes in an operator of the first run, and whether it keeps tensors, its own weights among them."""
        self.entries.append(entry)
        if keeps:
            entry.part = self
            self.last = entry
            self.waiting += 1

    def contain(self, part: Part) -> None:
        """Takes in a part, which waits from its first run on for operands."""
        self.entries.append(part)
        self.waiting += 1
        if part.operands:
            self.last = part
