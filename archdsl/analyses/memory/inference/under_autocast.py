"""Inference under autocast: what a pass, played as a whole, has alive."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import accumulate

from archdsl.analyses.memory.inference.moments import InferenceFacts, Moment
from archdsl.analyses.memory.play import Block, alike_in, rows_around
from archdsl.analyses.memory.settings import CUDA_AUTOCAST, Arithmetic
from archdsl.analyses.memory.size import Size, Storage
from archdsl.analyses.memory.step import Event, Passed, Seen, infer
from archdsl.ir import Network, Types, check_listed


class InferenceUnderAutocast(InferenceFacts):
    """Of networks in float32, some operators of which autocast lowers."""

    def __init__(self, network: Network, storage: Storage, arithmetic: Arithmetic, batch: int) -> None:
        self._passed: Passed = infer(network, storage, arithmetic, batch)
        super().__init__(CUDA_AUTOCAST if arithmetic.is_estimate else self._passed.unsure, is_for_all=False)
        self._network = network
        self._batch = batch

    @cached_property
    def moments(self) -> tuple[Moment, ...]:
        check_listed(self._network)
        return tuple(self._moments(range(len(self._passed.moments))))

    @cached_property
    def peak(self) -> Moment | None:
        found = self._bytes
        return next(self._moments([found.index(max(found))])) if found else None

    @cached_property
    def _bytes(self) -> list[int]:
        return [seen.size.at(self._batch) for seen in self._passed.moments]

    @property
    def refused(self) -> Mapping[str, str]:
        return self._passed.refused

    @cached_property
    def floor(self) -> int:
        """Of a row of turns that of one."""
        lives: dict[Block, tuple[int, int]] = {}
        moments = self._passed.moments
        for number, seen in enumerate(moments):
            for block in self._touched(seen):
                lives[block] = lives.get(block, (number, 0))[0], number
        changes = [0] * (len(moments) + 1)
        for block, (first, last) in lives.items():
            if not block.is_input:
                changes[first] += block.bytes
                changes[len(moments) if block in self._passed.results else last + 1] -= block.bytes
        return max(accumulate(changes))

    def alive(self, paths: Collection[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        for seen, size in zip(self._passed.moments, self._bytes, strict=True):
            for end, letter in enumerate(seen.layer + "."):
                path = seen.layer[:end]
                if letter == "." and path in paths:
                    found[path] = max(found.get(path, 0), size)
        return found

    def result_types(self, path: str, types: Types) -> Types:
        precisions = iter(self._passed.precisions.get(path, ()))
        return tuple(type.in_type(next(precisions, "float32")) if type.is_float else type for type in types)

    def _moments(self, numbers: Iterable[int]) -> Iterator[Moment]:
        """Those of these numbers, which ascend: what happens before is played once for all."""
        alive: dict[Block, int] = {}
        done = 0
        for number in numbers:
            seen = self._passed.moments[number]
            _play(self._passed.events[done : seen.events], alive)
            done = seen.events
            yield self._moment(number, self._in_last_turn(seen, alive), self._touched(seen))

    def _moment(self, number: int, alive: Mapping[Block, int], read: Sequence[Block]) -> Moment:
        """What turns beside rows hold counts with what stands for it."""
        seen, alike = self._passed.moments[number], self._passed.alike
        shown = {block: block for block in (*alive, *read)}
        if alike:
            sums: dict[tuple[str, str], Size] = {}
            for block in shown:
                key = alike_in(alike, block.layer), block.what
                sums[key] = sums.get(key, Size()).plus(block.size.by(alive.get(block, 0)))
            joined = {key: Block(*key, size, self._batch) for key, size in sums.items()}
            shown = {block: joined[alike_in(alike, block.layer), block.what] for block in shown}
        live = dict.fromkeys(shown[block] for block in alive)
        touched = dict.fromkeys(shown[block] for block in read)
        return Moment(number + 1, seen.layer, seen.node, tuple(live), tuple(touched))

    def _in_last_turn(self, seen: Seen, alive: Mapping[Block, int]) -> Mapping[Block, int]:
        """What is alive in the last of the turns of the rows around, those of the others too; negative where these have
        dropped what others have made.

        Args:
            alive: each storage with how many alike there are, when all turns have come to this moment.
        """
        around = set(rows_around(self._passed.row(seen.events)))
        if not around:
            return alive
        found = dict(alive)
        for number in range(seen.events, len(self._passed.events)):
            row = self._passed.row(number)
            while row is not None and row not in around:
                row = row.outer
            if row is None:
                break
            block, times = self._passed.events[number]
            _play([(block, times - times // row.times)], found)
        return found

    def _touched(self, seen: Seen) -> list[Block]:
        """What its operator reads, and of what it has made what is still there."""
        made: dict[Block, int] = {}
        _play(self._passed.events[seen.began : seen.events], made)
        return [*dict.fromkeys((*seen.read, *(block for block, times in made.items() if times > 0)))]


def _play(events: Iterable[Event], alive: dict[Block, int]) -> None:
    """Counts what events make and free."""
    for block, times in events:
        count = alive.get(block, 0) + times
        if count:
            alive[block] = count
        else:
            alive.pop(block, None)
