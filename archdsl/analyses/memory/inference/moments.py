"""What is alive while a network infers, operator by operator. Inputs are the caller's and are left out of all counts here."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from archdsl.analyses.memory.play import Block
from archdsl.analyses.memory.size import Size
from archdsl.ir import Node, Types


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


class InferenceFacts(ABC):
    """What is alive while each operator runs, and when that is most.

    Args:
        unsure: the operators of which not all is known to the byte, by name.
        is_for_all: whether the sizes of all storages are those of any batch.
    """

    def __init__(self, unsure: Iterable[str], *, is_for_all: bool) -> None:
        self.estimated_for = tuple(unsure)
        self.is_for_all = is_for_all

    @property
    @abstractmethod
    def moments(self) -> tuple[Moment, ...]:
        """Raises `TooManyOperators`."""

    @property
    @abstractmethod
    def peak(self) -> Moment | None:
        """The first moment with the most bytes; None for a network without operators."""

    @property
    @abstractmethod
    def floor(self) -> int:
        """The highest sum of bytes if every storage lived from its first to its last use only."""

    @property
    @abstractmethod
    def refused(self) -> Mapping[str, str]:
        """By the paths of layers why PyTorch does not run them in this precision; of a module those of its first call."""

    @abstractmethod
    def alive(self, paths: Collection[str]) -> dict[str, int]:
        """The most bytes that are alive while what is at these paths runs."""

    @abstractmethod
    def result_types(self, path: str, types: Types) -> Types:
        """The types of the results of what is at a path, in the precision that they are in."""


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


def lifetimes(single: InferenceFacts, several: InferenceFacts) -> tuple[Lifetime, ...]:
    """The storages of inference in the order of their making: what is alive at a step is those that are made and not yet
    freed. Only the size of some depends on whether the batch is one."""
    one = _by_block(single.moments)
    two = one if several is single else _by_block(several.moments)
    return tuple(
        Lifetime(block.layer, block.what, steps[0], steps[-1], used, single.size.at(1), block.size)
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
