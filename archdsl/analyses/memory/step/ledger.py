"""The accounts of a step: its parameters, which storages are made and freed when, and when operators of the tape die."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterable
from typing import NamedTuple

from archdsl.analyses.memory.play import Block, Player, inner
from archdsl.analyses.memory.settings import Phase, TrainingSettings
from archdsl.analyses.memory.size import Size, Stands, of_type
from archdsl.analyses.memory.step.recompute import Replay
from archdsl.analyses.memory.step.tape import Entry, Leaf, Part, Tensor
from archdsl.analyses.weights import frozen_in
from archdsl.ir import Network, Op, State, TensorType


class Mark(NamedTuple):
    """A moment at which something was made: when, by whom, and all bytes that are alive then."""

    phase: Phase
    layer: str
    fixed: int
    """Bytes of any batch, and of each sample."""
    per_sample: int
    events: int
    """How many events came before it."""
    step: int
    """The number of the moment, from 1 on."""


Event = tuple[Block, int]
"""A storage and in how many turns of loops it is made, or freed where the number is negative."""


class Ledger(Player[Tensor], ABC):
    """Writes down what is made and freed."""

    is_grad_enabled = True
    """Whether autograd keeps what backward needs."""

    def __init__(self, network: Network, settings: TrainingSettings, batch: int) -> None:
        super().__init__()
        self.network = network
        self.settings = settings
        self.batch = batch
        self.stands = Stands(settings.parameter_dtype, settings.parameter_dtype)
        self.frozen = frozen_in(network, settings.freeze)
        self.leaves: dict[str, Leaf] = {}
        self.tape: list[Entry] = []
        self.events: list[Event] = []
        self.marks: list[Mark] = []
        self.phase: Phase = "forward"
        self.part: Part | None = None
        """The checkpointed call that runs for the first time."""
        self.replay: Replay | None = None
        """The one that runs again."""
        self.unsure: dict[str, None] = {}
        """The operators of which not all is known to the byte: what autocast and each makes, and how far second runs go."""
        self.composed: dict[str, str] = {}
        """By paths the names of operators that run others one by one."""
        self.refused: dict[str, str] = {}
        """By paths why PyTorch does not run what is there."""

    def given(self, layer: str, what: str, type: TensorType) -> Tensor:
        """A tensor that is there throughout."""
        size = Size() if what == "parameter" else of_type(type, self.stands)
        return Tensor(Block(layer, what, size, self.batch, is_input=True), None, type, self.stands.parameters)

    def leaf(self, path: str, state: State, size: Size) -> Leaf:
        """The parameter or buffer of an operator."""
        key = state.key(path)
        if key not in self.leaves:
            is_parameter = state.role == "parameter"
            is_trained = is_parameter and key not in self.frozen
            self.leaves[key] = Leaf(key, size, is_parameter=is_parameter, is_trained=is_trained, times=self.times)
        return self.leaves[key]

    def record(self, entry: Entry) -> None:
        """Writes an operator on the tape; in a second run it is there already."""
        for edge in entry.leads_to:
            edge.source.holders += 1
        if self.replay is None:
            entry.row = self.row
            self.tape.append(entry)

    def make(self, layer: str, what: str, size: Size) -> Block:
        """A storage, held once."""
        block = self.promise(layer, what, size)
        self.enter(block)
        return block

    def promise(self, layer: str, what: str, size: Size) -> Block:
        """A storage that is to be made later."""
        block = Block(layer, what, size, self.batch)
        block.holders = 1
        block.times = self.times
        block.row = self.row
        return block

    def enter(self, block: Block) -> None:
        """From now on it is there."""
        fixed, per_sample = block.size
        self.fixed += fixed
        self.per_sample += per_sample
        self.events.append((block, block.times))

    def freed(self, block: Block) -> None:
        if not block.is_input:
            fixed, per_sample = block.size
            self.fixed -= fixed
            self.per_sample -= per_sample
            self.events.append((block, -self.times))

    def keep(self, values: Iterable[Tensor]) -> None:
        for block, edge, _, _ in values:
            block.holders += 1
            if edge is not None:
                edge.source.holders += 1

    def drop(self, values: Iterable[Tensor]) -> None:
        for block, edge, _, _ in values:
            block.holders -= 1
            if not block.holders:
                self.freed(block)
            if edge is not None:
                source = edge.source
                source.holders -= 1
                if not source.holders:
                    self.let_die(source)

    def let_die(self, source: Entry | Leaf) -> None:
        """With its last holder an operator of the tape dies, and lets go of those before it."""
        waiting, around = [source], self.row
        while waiting:
            source = waiting.pop()
            if isinstance(source, Leaf):
                continue
            kept, part = source.drop(source.kept), source.part
            self.move_to(inner(source.row, around))
            self.release(kept)
            self.move_to(around)
            for before, _ in source.leads_to:
                before.holders -= 1
                if not before.holders:
                    waiting.append(before)
            if self.settings.is_mixed and (kept or part):  # casts of weights outlive what dies
                self.doubt(source.layer, source.op)
            if part is not None:
                if part.outer is not None:  # when a part in another one dies is not known
                    self.doubt(source.layer, source.op)
                self.used(part)

    def doubt(self, layer: str, op: Op) -> None:
        """Not all that an operator makes is known to the byte."""
        self.unsure[self.composed.get(layer, op.name)] = None

    def used(self, part: Part) -> None:
        """One operator less waits for the second run of a part."""
        part.waiting -= 1
        if not part.waiting and part is not self.part:
            self.used_up(part)

    def used_up(self, part: Part) -> None:
        """Nothing waits for the second run of a part any more."""
        self.release((part.random_state,))
        self.drop(part.given)
        if part.outer is not None:
            self.used(part.outer)

    def mark(self, layer: str) -> None:
        self.step += 1
        self.marks.append(Mark(self.phase, layer, self.fixed, self.per_sample, len(self.events), self.step))

    def marked(self, layer: str, what: str, size: Size) -> Block:
        """A storage made at a moment of its own."""
        block = self.make(layer, what, size)
        self.mark(layer)
        return block
