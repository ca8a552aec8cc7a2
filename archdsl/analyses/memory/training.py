"""The memory of a training step: its parts, its peak, when that is and what is alive then."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Literal, NamedTuple

from archdsl.analyses.memory.forward import Mark
from archdsl.analyses.memory.loss import LOSSES
from archdsl.analyses.memory.optimizer import COUNTER, RULES, state_bytes
from archdsl.analyses.memory.play import Block
from archdsl.analyses.memory.settings import Phase, TrainingSettings
from archdsl.analyses.memory.size import Size, Stands, Storage, of_type, total
from archdsl.analyses.memory.state import state_of
from archdsl.analyses.memory.step import Played, play
from archdsl.ir import Flat, Network, TensorType, flatten


class Held(NamedTuple):
    """What is there before a step, throughout it and after it."""

    parameters: int
    buffers: int
    inputs: Size
    target: Size
    optimizer_state: int
    tensors: tuple[Size, ...]
    """Each of them on a GPU, where step counters stay on the CPU unless the optimizer is fused."""

    @property
    def size(self) -> Size:
        own = Size(self.parameters + self.buffers + self.optimizer_state)
        return own.plus(self.inputs).plus(self.target)


class TrainingMoment(NamedTuple):
    """A moment of a step at which something was made, with all bytes that are alive then."""

    step: int
    """From 1, in order of execution."""
    phase: Phase
    layer: str
    bytes: int


class Alive(NamedTuple):
    """What is alive for one layer and one purpose."""

    layer: str
    what: str
    bytes: int


class TrainingFacts:
    """One step in the steady state: gradients and the optimizer's state are there from the step before.

    Sizes are `a + b N`, and the order of events is the same for every batch of two or more, so one simulation serves all.
    """

    def __init__(
        self, played: Played, held: Held, settings: TrainingSettings, batch: int, status: Literal["exact", "estimate"]
    ) -> None:
        self.settings = settings
        self.status = status
        """`exact` for tensor bytes on a CPU. Autocast, whose lists here are CUDA's, and a few operators are an estimate."""
        self.batch = batch
        self.held = held
        self._played = played

    @cached_property
    def _gradients(self) -> tuple[Block, ...]:
        """The storages of the parameters' gradients; at batch 1 several may be in one."""
        return tuple(dict.fromkeys(leaf.gradient for leaf in self._played.leaves if leaf.gradient is not None))

    @property
    def gradients(self) -> int:
        return total(block.whole for block in self._gradients).at(self.batch)

    @property
    def optimizer_temporary(self) -> int:
        return sum(
            e.block.size.at(self.batch) for e in self._played.events if e.is_made and e.block.layer == "optimizer"
        )

    @property
    def recomputed_macs(self) -> int:
        """Multiply-adds for one sample of the parts that run again in backward."""
        return self._played.recomputed_macs

    @property
    def saved_for_backward(self) -> int:
        """What autograd holds after the forward pass: inputs, the loss and its target included, parameters not."""
        saved = total(block.whole for block in self._played.saved if block.what != "number")
        return saved.plus(self.held.target).at(self.batch)

    @cached_property
    def lines(self) -> tuple[Size, ...]:
        """All bytes alive at each moment, as `a + b N`."""
        held, old = self.held.size, total(block.whole for block in self._gradients)
        marked = (m.size.plus(held).plus(old) if self._has_old(m) else m.size.plus(held) for m in self._played.marks)
        return (held.plus(old), *marked)

    def _has_old(self, mark: Mark) -> bool:
        """Whether the gradients of the step before are still there."""
        return self.settings.adds_up or (self.settings.zero_grad == "late" and mark.phase in ("forward", "loss"))

    @property
    def tensors_held(self) -> tuple[Size, ...]:
        """Every tensor that is there throughout, on a GPU."""
        return self.held.tensors

    @cached_property
    def traffic(self) -> tuple[tuple[int, tuple[Size, bool]], ...]:
        """All tensors of a step as they are made and freed, each with a number, its size and whether it is made.

        Of a network with all turns written out.
        Gradients are freed by the `zero_grad` of the next step.
        """
        numbers: dict[Block, int] = {}
        there = (e for e in self._played.events if e.block.what != "random state")  # which is the CPU's
        events = [(numbers.setdefault(e.block, len(numbers)), (e.block.size, e.is_made)) for e in there]
        freed = [(numbers[b], (b.size, False)) for b in self._gradients if b in numbers]
        late = self._played.after_forward if self.settings.zero_grad == "late" else 0
        return (*events[:late], *freed, *events[late:])

    def peak_at(self, batch: int) -> int:
        """The peak for another batch: of two or more where this one is, else of one."""
        return max(line.at(batch) for line in self.lines)

    @cached_property
    def _peak(self) -> int:
        """The number of the first moment with the most bytes."""
        sizes = [line.at(self.batch) for line in self.lines]
        return sizes.index(max(sizes))

    @property
    def peak(self) -> int:
        return self.lines[self._peak].at(self.batch)

    @property
    def activation_peak(self) -> int:
        """Of the peak, what is not there throughout: values, all gradients, temporary tensors."""
        return self.peak - self.held.size.at(self.batch)

    @property
    def at(self) -> TrainingMoment:
        """When the peak is."""
        return self.timeline[self._peak]

    @cached_property
    def timeline(self) -> tuple[TrainingMoment, ...]:
        start: tuple[tuple[Phase, str], ...] = (("zero_grad", "optimizer"),)
        places = (*start, *((mark.phase, mark.layer) for mark in self._played.marks))
        steps = (1, *(mark.step + 1 for mark in self._played.marks))
        moments = zip(steps, places, self.lines, strict=True)
        return tuple(TrainingMoment(step, *place, size.at(self.batch)) for step, place, size in moments)

    def phase_peak(self, phase: Phase) -> int:
        """The most bytes alive in one phase; 0 where it does not happen."""
        return max((moment.bytes for moment in self.timeline if moment.phase == phase), default=0)

    @property
    def alive(self) -> tuple[Alive, ...]:
        """What is alive at the peak beside what is held throughout, the largest first.

        The turns beside a row of turns are counted with it, since what one of them makes is dropped in the next.
        """
        found: dict[tuple[str, str], int] = {}
        for block, times in self._alive().items():
            key = self._played.stands_for(block.layer), block.what
            found[key] = found.get(key, 0) + block.size.by(times).at(self.batch)
        return tuple(sorted((Alive(*key, size) for key, size in found.items() if size), key=lambda a: -a.bytes))

    def _alive(self) -> dict[Block, int]:
        """Each storage with how many alike there are: negative where a row of turns has dropped others like it."""
        blocks = {block: block.times for block in self._gradients}
        if not self._peak:
            return blocks
        mark = self._played.marks[self._peak - 1]
        if not self._has_old(mark):
            blocks.clear()
        for event in self._played.events[: mark.events]:
            times = blocks.get(event.block, 0) + (event.times if event.is_made else -event.times)
            if times:
                blocks[event.block] = times
            else:
                del blocks[event.block]
        return blocks


def training(network: Network, storage: Storage, settings: TrainingSettings, batch: int) -> TrainingFacts:
    """The memory of a training step of the code that `archdsl compile` writes."""
    played = play(network, storage, settings, batch)
    flat = flatten(network, training=True)
    is_known = played.is_recomputed_exactly and not settings.is_mixed
    is_exact = is_known and all(layer.op.is_derived_exactly(layer.operand_types) for layer in flat.layers)
    held = _held(network, flat, settings, played)
    return TrainingFacts(played, held, settings, batch, "exact" if is_exact else "estimate")


def _held(network: Network, flat: Flat, settings: TrainingSettings, played: Played) -> Held:
    own = state_of(flat, settings.parameter_dtype)
    target = LOSSES[settings.loss].target(network.outputs[network.main_output].value.type)
    state = sum(
        state_bytes(settings, leaf.size.fixed) * leaf.times for leaf in played.leaves if leaf.gradient is not None
    )
    stands = Stands(settings.parameter_dtype, settings.parameter_dtype)
    inputs = [of_type(type, stands) for type in network.input_types]
    owners = (layer for layer in flat.layers if not layer.is_reuse)
    state_types = (TensorType(s.shape, s.dtype, False) for o in owners for s in o.op.state(*o.operand_types))
    trained = [leaf.size for leaf in played.leaves if leaf.gradient is not None]
    rule = RULES[settings.optimizer]
    counters = [Size(COUNTER)] * (rule.counts and settings.implementation == "fused")
    kept = [copy for size in trained for copy in (*[size] * rule.copies, *counters)]
    compared = of_type(target, stands) if target is not None else Size()
    tensors = (*(of_type(t, stands) for t in state_types), *inputs, compared, *kept)
    return Held(own.parameters, own.buffers, total(inputs), compared, state, tensors)


def largest_batch(lines: Sequence[Size], limit: int) -> int | None:
    """The largest batch for which no line exceeds a number of bytes; None if none does at any batch."""
    fits = [(limit - line.fixed) // line.per_sample for line in lines if line.per_sample > 0]
    if any(line.fixed > limit for line in lines if line.per_sample <= 0):
        return 0
    return max(min(fits), 0) if fits else None
