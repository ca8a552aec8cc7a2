"""The peak of inference by liveness, with the frames of calls counted. The network's inputs are the caller's and are left
out of all counts here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

from archdsl.analyses.memory.play import Block, Plain, Player
from archdsl.analyses.memory.size import Size, Storage, of_extra, of_type
from archdsl.ir import Extra, Network, Node, Op


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
    times: int = 1
    """How many moments alike it stands for, the first of them: in as many turns of loops it is the same."""

    @property
    def bytes(self) -> int:
        return sum([block.bytes for block in self.live])


class InferenceFacts:
    """What is alive while each operator runs, and when that is most."""

    def __init__(self, moments: Sequence[Moment], outputs: Sequence[Block]) -> None:
        self.moments = tuple(moments)
        self.outputs = tuple(outputs)
        """The storages of the results."""

    @cached_property
    def peak(self) -> Moment | None:
        """The first moment with the most bytes; None for a network without operators."""
        return max(self.moments, key=lambda m: m.bytes, default=None)

    @cached_property
    def floor(self) -> int:
        """The highest sum of bytes if every storage lived from its first to its last use only."""
        last: dict[Block, int] = {block: moment.step for moment in self.moments for block in moment.touched}
        last.update((block, self.moments[-1].step) for block in self.outputs if self.moments)
        return max((sum([b.bytes for b in m.live if last[b] >= m.step]) for m in self.moments), default=0)


class Lifetime(NamedTuple):
    """One storage: the steps while it is alive, and its size for every batch."""

    layer: str
    what: str
    """`output`, or what an operator makes besides."""
    made: int
    freed: int
    """The last step at which it is there."""
    used: tuple[int, ...]
    """The steps that read or write it."""
    single: int
    """Bytes for a batch of one."""
    size: Size
    """For every larger batch."""


def inference(network: Network, storage: Storage, batch: int) -> InferenceFacts:
    """Plays a network for a batch."""
    player = _Player(storage, batch)
    inputs = [
        Plain(Block(name, "input", of_type(type), batch, True))
        for name, type in zip(network.inputs, network.input_types, strict=True)
    ]
    player.hold(value.block for value in inputs)
    outputs = [value.block for value in player.call(network.body, "", inputs) if value is not None]
    return InferenceFacts(player.moments, outputs)


def lifetimes(single: InferenceFacts, several: InferenceFacts) -> tuple[Lifetime, ...]:
    """The storages of inference in the order of their making: what is alive at a step is those that are made and not yet
    freed. Only the size of some depends on whether the batch is one."""
    one, two = _by_block(single.moments), _by_block(several.moments)
    return tuple(
        Lifetime(block.layer, block.what, steps[0], steps[-1], used, single.bytes, block.size)
        for single, (block, (steps, used)) in zip(one, two.items(), strict=True)
    )


def _by_block(moments: Sequence[Moment]) -> dict[Block, tuple[list[int], tuple[int, ...]]]:
    """Of each storage, the steps at which it is alive and those that touch it."""
    alive: dict[Block, list[int]] = {}
    used: dict[Block, list[int]] = defaultdict(list)
    for moment in moments:
        for block in moment.live:
            alive.setdefault(block, []).append(moment.step)
        for block in moment.touched:
            used[block].append(moment.step)
    return {block: (steps, tuple(used[block])) for block, steps in alive.items()}


class _Player(Player[Plain]):
    def __init__(self, storage: Storage, batch: int) -> None:
        super().__init__()
        self.storage = storage
        self.batch = batch
        self.moments: list[Moment] = []
        self.live: dict[Block, None] = {}
        """The storages that somebody holds, oldest first, without the network's inputs."""

    def freed(self, block: Block) -> None:
        self.live.pop(block, None)

    def runs(self, node: Node) -> bool:
        return not node.training

    def apply(self, node: Node, path: str, operands: Sequence[Plain]) -> list[Plain]:
        op = node.operator
        assert isinstance(op, Op)
        read = [value.block for value in operands]
        if before := op.preparation(node.operand_types):
            self._moment(node, path, read, before)
        results = self.results(node, op, path, operands)
        made = [value.block for value in results]
        self.hold(made)
        if op.is_source:
            return results
        self.live.update((block, None) for block in made if not block.is_input)
        self._moment(node, path, (*read, *made), op.scratch(node.operand_types, node.result_types))
        return results

    def _moment(self, node: Node, path: str, blocks: Iterable[Block], extras: Iterable[Extra]) -> None:
        scratch = [Block(path, e.name, of_extra(e, self.batch), self.batch) for e in extras]
        touched = tuple(dict.fromkeys((*blocks, *scratch)))
        self.step += 1
        self.moments.append(Moment(self.step, path, node, (*self.live, *scratch), touched, self.times))

    def results(self, node: Node, op: Op, path: str, operands: Sequence[Plain]) -> list[Plain]:
        if op.is_source:  # it gives its own parameters, which are held anyway
            return [Plain(Block(path, "parameter", Size(), self.batch, True))]
        shared = 0 if op.is_identity_in_inference else self.storage.shared_operand(node)
        if shared is not None:
            return [operands[shared]] * len(node.results)
        return [Plain(Block(path, "output", of_type(type), self.batch)) for type in node.result_types]
