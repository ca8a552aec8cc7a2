"""The memory of a training step: its parts, its peak, when that is and what is alive then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Literal, NamedTuple, get_args

from archdsl.analyses.memory.play import Block, alike_in
from archdsl.analyses.memory.settings import CUDA_AUTOCAST, Kernels, Phase, TrainingSettings
from archdsl.analyses.memory.size import Size, Stands, Storage, highest, of_type, total
from archdsl.analyses.memory.step import COUNTER, RULES, Event, Played, loss_of, play, state_bytes
from archdsl.ir import Network, Node, Op

ON_THE_CPU = {"random state", "number"}
"""What stays there in a step on a GPU: states of random generators, Python numbers that autograd keeps as tensors
(`wrapped_scalar_tensor` in `aten/src/ATen/ScalarOps.h`)."""


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


class Traffic:
    """Tensors as they are made and freed."""

    def __init__(self, tensors: Iterable[Size], parts: Sequence[Sequence[int]]) -> None:
        numbers: dict[Size, int] = {}
        self.tensors = [numbers.setdefault(size, len(numbers)) for size in tensors]
        """Of each tensor the number of its size."""
        self.kinds = tuple(numbers)
        """The sizes that there are."""
        self.parts = parts
        """What is there throughout, and then two steps: the number of a tensor that is made, the complement of that of one that
        is freed."""
        self._first_steps: dict[tuple[bool, ...], list[int]] = {}

    def sizes_at(self, batch: int) -> list[int]:
        """The bytes of each tensor."""
        sizes = [kind.at(batch) for kind in self.kinds]
        return [sizes[number] for number in self.tensors]

    def first_step(self, of_kind: tuple[bool, ...]) -> Sequence[int]:
        """Of what is there throughout and of a first step the tensors of some sizes."""
        found = self._first_steps.get(of_kind)
        if found is None:
            chosen = [of_kind[number] for number in self.tensors]
            chosen += reversed(chosen)  # so that the complement of a number finds what the number does
            found = [event for part in self.parts[:2] for event in part if chosen[event]]
            self._first_steps[of_kind] = found
        return found

    def most_at_once(self, sizes: Sequence[int]) -> int:
        """The most bytes that are there in a first step where tensors have other sizes, by the number of their own."""
        made = [sizes[number] for number in self.tensors]
        by_event = made + [-size for size in reversed(made)]
        return max(accumulate(by_event[event] for part in self.parts[:2] for event in part))


class Simulation:
    """One step in the steady state: gradients and the optimizer's state are there from the step before.

    Sizes are `a + b N`, and the order of events is the same for every batch of two or more, so one simulation serves all.
    """

    def __init__(self, played: Played, held: Held, settings: TrainingSettings, batch: int) -> None:
        self.played = played
        self._batch = batch
        self.held = held
        self.settings = settings

    def holds_for(self, batch: int) -> bool:
        """Whether it is that of this batch: of a single sample, of any that is larger, or of its own alone."""
        return batch == self._batch or (not self.played.has_pages and min(batch, self._batch) > 1)

    def on_gpu(self) -> Simulation | None:
        """That with a GPU's operators, where the order of events is the same."""
        played = self.played.played_on_gpu()
        if played is None or played is self.played:
            return played and self
        return Simulation(played, self.held, self.settings, self._batch)

    @cached_property
    def gradients(self) -> tuple[Block, ...]:
        """The storages of the parameters' gradients; at batch 1 several may be in one."""
        return tuple(dict.fromkeys(leaf.gradient for leaf in self.played.leaves if leaf.gradient is not None))

    @cached_property
    def lines(self) -> tuple[Size, ...]:
        """All bytes alive at each moment, as `a + b N`."""
        held = self.held.size
        with_old = held.plus(total(block.whole for block in self.gradients))
        there = {phase: with_old if self.has_old(phase) else held for phase in get_args(Phase)}
        return (
            with_old,
            *(Size(m.fixed + there[m.phase][0], m.per_sample + there[m.phase][1]) for m in self.played.marks),
        )

    @cached_property
    def highest(self) -> tuple[Size, ...]:
        """Of the lines those that count: at each batch one of them is the peak."""
        return highest(self.lines)

    @cached_property
    def workspaces(self) -> tuple[Size, ...]:
        """All that a convolution or attention touches, of those that count."""
        return highest(self.played.workspaces)

    def has_old(self, phase: Phase) -> bool:
        """Whether the gradients of the step before are still there."""
        return self.settings.adds_up or (self.settings.zero_grad == "late" and phase in ("forward", "loss"))

    @cached_property
    def traffic(self) -> Traffic:
        """All tensors of two steps of a network with all turns written out, those that are there throughout among them.

        One without elements takes nothing. Gradients are freed by the `zero_grad` of the next step; those that others are
        added to are there before.
        """
        earlier = (block.size for block in self.gradients) if self.settings.adds_up else ()
        tensors = [size for size in (*self.held.tensors, *earlier) if any(size)]
        throughout = range(len(tensors))
        numbers: dict[Block, int] = {}

        def played(events: Iterable[Event]) -> Iterator[int]:
            for block, times in events:
                if times < 0:
                    if block in numbers:
                        yield ~numbers[block]
                elif any(block.size) and block.what not in ON_THE_CPU:
                    numbers[block] = len(tensors)
                    tensors.append(block.size)
                    yield numbers[block]

        late = self.played.after_forward if self.settings.zero_grad == "late" else 0
        before, after = [*played(self.played.events[:late])], [*played(self.played.events[late:])]
        freed = [~numbers[block] for block in self.gradients if block in numbers]
        return Traffic(tensors, (throughout, [*before, *after], [*before, *freed, *after]))


class TrainingFacts:
    """One step, for some batch."""

    def __init__(self, simulation: Simulation, batch: int) -> None:
        self.batch = batch
        self.simulation = simulation
        self.settings = simulation.settings
        self.held = simulation.held
        self._played = simulation.played

    @property
    def lines(self) -> tuple[Size, ...]:
        """All bytes alive at each moment, as `a + b N`."""
        return self.simulation.lines

    @property
    def status(self) -> Literal["exact", "estimate"]:
        """`exact` for tensor bytes on a CPU. CUDA's autocast, and a few operators, are an estimate."""
        return "estimate" if self.estimated_for else "exact"

    @property
    def estimated_for(self) -> tuple[str, ...]:
        """What it is an estimate for: CUDA's autocast, or operators by their names."""
        return CUDA_AUTOCAST if self.settings.arithmetic.is_estimate else self._played.unsure

    @property
    def refused(self) -> Mapping[str, str]:
        """By the paths of layers why PyTorch does not run them in this precision; of those that are alike the first."""
        return self._played.refused

    @property
    def gradients(self) -> int:
        return total(block.whole for block in self.simulation.gradients).at(self.batch)

    @property
    def trains(self) -> bool:
        """Whether the loss depends on a parameter that is trained; else PyTorch refuses to run backward."""
        return bool(self.simulation.gradients)

    @property
    def optimizer_temporary(self) -> int:
        return sum(b.size.at(self.batch) for b, times in self._played.events if times > 0 and b.layer == "optimizer")

    @property
    def has_pages(self) -> bool:
        """Whether some tensor takes whole pages of memory: its lines then hold for its own batch."""
        return self._played.has_pages

    @property
    def recomputed_macs(self) -> int:
        """Multiply-adds for one sample of the parts that run again in backward."""
        found = 0
        for (_, node, is_cut), times in self.recomputed.items():
            assert isinstance(node.operator, Op)
            found += times * node.operator.macs(node.operand_types, node.result_types, is_cut=is_cut)
        return found

    @property
    def recomputed(self) -> Mapping[tuple[str, Node, bool], int]:
        """How often operators run again in backward, by their paths and whether they stop before their last layer; those in
        turns of loops as often as there are turns."""
        return self._played.recomputed

    @property
    def saved_for_backward(self) -> int:
        """What is held for backward after the forward pass: inputs, the loss and its target included, parameters not."""
        saved = total(block.whole for block in self._played.saved if block.what != "number")
        return saved.plus(self.held.target).at(self.batch)

    @property
    def random_states(self) -> int:
        """Of that, what checkpointed parts hold beside tensors that autograd keeps."""
        return total(block.whole for block in self._played.saved if block.what == "random state").at(self.batch)

    def workspace_at(self, batch: int) -> int:
        """The most that an operator may want besides on a GPU: copies of what it reads, its weights, and what it makes."""
        return max((size.at(batch) for size in self.simulation.workspaces), default=0)

    def peak_at(self, batch: int) -> int:
        """The peak for another batch: of two or more where this one is, else of one."""
        return max(line.at(batch) for line in self.simulation.highest)

    @cached_property
    def _peak(self) -> int:
        """The number of the first moment with the most bytes."""
        sizes = [fixed + per_sample * self.batch for fixed, per_sample in self.lines]
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
        return self._moment(self._peak)

    @cached_property
    def timeline(self) -> tuple[TrainingMoment, ...]:
        return tuple(map(self._moment, range(len(self.lines))))

    def _moment(self, number: int) -> TrainingMoment:
        size = self.lines[number].at(self.batch)
        if not number:
            return TrainingMoment(1, "zero_grad", "optimizer", size)
        mark = self._played.marks[number - 1]
        return TrainingMoment(mark.step + 1, mark.phase, mark.layer, size)

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
            key = alike_in(self._played.alike, block.layer), block.what
            found[key] = found.get(key, 0) + block.size.at(self.batch) * times
        return tuple(sorted((Alive(*key, size) for key, size in found.items() if size), key=lambda a: -a.bytes))

    def _alive(self) -> dict[Block, int]:
        """Each storage with how many alike there are: negative where a row of turns has dropped others like it."""
        blocks = {block: block.times for block in self.simulation.gradients}
        if not self._peak:
            return blocks
        mark = self._played.marks[self._peak - 1]
        if not self.simulation.has_old(mark.phase):
            blocks.clear()
        for block, times in self._played.events[: mark.events]:
            blocks[block] = blocks.get(block, 0) + times
        return {block: times for block, times in blocks.items() if times}


def simulate(
    network: Network, storage: Storage, settings: TrainingSettings, batch: int, kernels: Kernels = "cpu"
) -> Simulation:
    """A training step of the code that `archdsl compile` writes, for a batch of one or for all that are larger."""
    played = play(network, storage, settings, batch, kernels)
    return Simulation(played, _held(network, settings, played), settings, batch)


def _held(network: Network, settings: TrainingSettings, played: Played) -> Held:
    stands = Stands(settings.parameter_dtype, settings.parameter_dtype)
    inputs = [of_type(type, stands) for type in network.input_types]
    result = network.outputs[network.main_output].value.type
    target = loss_of(settings.loss, result).target(result)
    compared = of_type(target, stands) if target is not None else Size()
    rule = RULES[settings.optimizer]
    trained = [leaf for leaf in played.leaves if leaf.gradient or (leaf.is_trained and rule.begins_with_state)]
    counters = [Size(COUNTER)] * (rule.counts and settings.implementation == "fused")
    kept = [copy for leaf in trained for copy in (*[leaf.size] * rule.copies, *counters)]
    return Held(
        sum(leaf.size.fixed * leaf.times for leaf in played.leaves if leaf.is_parameter),
        sum(leaf.size.fixed * leaf.times for leaf in played.leaves if not leaf.is_parameter),
        total(inputs),
        compared,
        sum(state_bytes(settings, leaf.size.fixed) * leaf.times for leaf in trained),
        (*(leaf.size for leaf in played.leaves), *inputs, compared, *kept),
    )


def largest_batch(lines: Sequence[Size], limit: int) -> int | None:
    """The largest batch for which no line exceeds a number of bytes; None if none does at any batch."""
    fits = [(limit - line.fixed) // line.per_sample for line in lines if line.per_sample > 0]
    if any(line.fixed > limit for line in lines if line.per_sample <= 0):
        return 0
    return max(min(fits), 0) if fits else None
