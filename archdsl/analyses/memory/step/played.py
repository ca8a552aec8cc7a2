"""A training step that was played: all that is made and freed in it, and the same on a GPU."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from archdsl.analyses.memory.play import Block
from archdsl.analyses.memory.size import Size
from archdsl.analyses.memory.step.ledger import Event, Mark
from archdsl.analyses.memory.step.tape import Leaf
from archdsl.ir import Node


class Played(NamedTuple):
    """A whole step."""

    events: tuple[Event, ...]
    marks: tuple[Mark, ...]
    after_forward: int
    """How many events the forward pass has, its loss included."""
    saved: tuple[Block, ...]
    """What autograd holds then, parameters left out."""
    leaves: tuple[Leaf, ...]
    """All parameters, with their gradients, and buffers."""
    recomputed: Mapping[tuple[str, Node, bool], int]
    """How often operators run again, by their paths and whether they stop before their last layer; those in turns of loops as
    often as there are turns."""
    unsure: tuple[str, ...]
    """The operators of which not all is known to the byte, by their names in specs."""
    refused: Mapping[str, str]
    """By paths why PyTorch does not run what is there."""
    workspaces: tuple[Size, ...]
    """Of each convolution and attention all that it touches: as much as it may want besides on a GPU."""
    has_pages: bool
    """Whether some tensor takes whole pages of memory, so that all this is for one batch alone."""
    on_gpu: dict[Block, Block] | None
    """What is there in place of storages where a GPU's operators run; None where more is different then."""
    alike: dict[str, str]
    """Paths in the turns beside rows of turns: those in the turn that stands for them."""

    def played_on_gpu(self) -> Played | None:
        """The same step with a GPU's operators; None where it has to be played anew."""
        twins = self.on_gpu
        if not twins:
            return None if twins is None else self
        changes = []
        for number, (block, times) in enumerate(self.events):
            if block in twins:
                if abs(times) > 1:  # a row of turns repeats what its first turn has changed
                    return None
                more = twins[block].size.minus(block.size)
                changes.append((number, more if times > 0 else more.by(-1)))
        events = tuple((twins.get(block, block), times) for block, times in self.events)
        saved = tuple(twins.get(block, block) for block in self.saved)
        return self._replace(events=events, saved=saved, marks=tuple(_moved(self.marks, changes)), on_gpu={})


def _moved(marks: Iterable[Mark], changes: Sequence[tuple[int, Size]]) -> Iterator[Mark]:
    """Marks with more bytes from certain events on."""
    fixed = per_sample = done = 0
    for mark in marks:
        while done < len(changes) and changes[done][0] < mark.events:
            fixed, per_sample = fixed + changes[done][1].fixed, per_sample + changes[done][1].per_sample
            done += 1
        yield Mark(mark.phase, mark.layer, mark.fixed + fixed, mark.per_sample + per_sample, mark.events, mark.step)
