"""Limits from outside the spec, as CI sets them, against the facts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from archdsl.analyses import Facts
from archdsl.claims.claims import CLAIM_FAILS
from archdsl.ir import Layer, Op, TooManyOperators
from archdsl.source import Diagnostic, Label, Span, binary, counted

if TYPE_CHECKING:
    from archdsl.analyses.memory import Arithmetic, MemoryFacts, TrainingFacts, TrainingSettings

SHOWN = 5
"""Layers that are named: those that cost most, with those alike."""


class Limit(NamedTuple):
    """The most that a figure may be."""

    figure: str
    """`params`, `macs` or `memory(peak)`."""
    most: int
    text: str
    """The limit as it was given: `600M`."""
    arithmetic: Arithmetic | None = None
    """In what the network computes where its memory in inference is limited, if not in float32."""


class Found(NamedTuple):
    """A figure, and what it is made of where somebody asks."""

    value: int
    notes: Iterator[str]


def exceeded(
    facts: Facts,
    limits: tuple[Limit, ...],
    span: Span,
    sizes: Mapping[str, object],
    training: TrainingSettings | None = None,
) -> Iterator[Diagnostic]:
    """A diagnostic at the network's name for each limit that it is over, with what costs most.

    Memory is that of inference or, by these settings, of a training step. The facts hold at these values of sizes that the
    spec leaves open.
    """
    at = f" at {', '.join(f'{name} = {value}' for name, value in sizes.items())}" if sizes else ""
    for limit in limits:
        value, notes = _FIGURES[limit.figure](facts, training, limit.arithmetic)
        if value > limit.most:
            yield Diagnostic(
                CLAIM_FAILS,
                f"`{facts.network.name}` is over the limit{at}: `{limit.figure} <= {limit.text}`",
                Label(span, f"computed {_compared(value, limit)}"),
                notes=tuple(notes),
            )


def _compared(value: int, limit: Limit) -> str:
    """`138_357_544, 27.7 times the limit`."""
    is_bytes = limit.figure == "memory(peak)"
    shown = f"{value:_} = {binary(value)}" if is_bytes else f"{value:_}"
    if not limit.most:
        return shown
    more = value - limit.most
    if 1000 * more < limit.most:
        return f"{shown}, {counted(more, 'byte')} too much" if is_bytes else f"{shown}, {more:_} too many"
    if more < limit.most:
        return f"{shown}, {100 * more / limit.most:.1f}% too much"
    return f"{shown}, {value / limit.most:.1f} times the limit"


def _dearest(facts: Facts, cost: Callable[[Layer], int]) -> Iterator[str]:
    """The layers that cost most, those of equal operators and equal costs together."""
    try:
        layers = facts.listing.layers
    except TooManyOperators as problem:
        yield str(problem)
        return
    paths: dict[tuple[Op, int], str] = {}
    costs: Counter[tuple[Op, int]] = Counter()
    alike: Counter[tuple[Op, int]] = Counter()
    for layer in layers:
        each = cost(layer)
        key = layer.op, each
        paths.setdefault(key, layer.path)
        costs[key] += each * layer.times
        alike[key] += 0 if layer.is_reuse else layer.times
    total = costs.total()
    shown = []
    for key, n in costs.most_common(SHOWN):
        others = f" and {alike[key] - 1:_} alike" if alike[key] > 1 else ""
        shown += [f"{paths[key]}{others} {n:_} ({100 * n / total:.1f}%)"] if n else []
    yield f"the layers that cost most: {', '.join(shown)}"


def _params(facts: Facts, training: TrainingSettings | None, arithmetic: Arithmetic | None) -> Found:
    nodes = facts.cost.nodes
    notes = _dearest(facts, lambda layer: 0 if layer.is_reuse else nodes[layer.node].params)
    return Found(facts.cost.total.params, notes)


def _macs(facts: Facts, training: TrainingSettings | None, arithmetic: Arithmetic | None) -> Found:
    notes = _dearest(facts, lambda layer: facts.cost.nodes[layer.node].macs)
    return Found(facts.cost.total.macs, notes)


def _memory(facts: Facts, training: TrainingSettings | None, arithmetic: Arithmetic | None) -> Found:
    if training is not None:
        step = facts.training(training)
        return Found(step.peak, _of_step(step))
    memory = facts.memory_at(facts.batch, arithmetic)
    return Found(memory.figure("peak").bytes, _of_inference(memory))


def _of_inference(memory: MemoryFacts) -> Iterator[str]:
    yield (
        f"parameters and buffers {memory.parameters + memory.buffers:_} + inputs {memory.inputs:_} "
        f"+ activations {memory.activation_peak:_} bytes, N = {memory.batch}, {memory.arithmetic}"
    )
    if memory.at is not None:
        held = ", ".join(f"{block.layer} {block.bytes:_}" for block in memory.at.live)
        yield f"at the peak {memory.at.layer} runs, and held are {held}"


def _of_step(step: TrainingFacts) -> Iterator[str]:
    from archdsl.analyses.memory import PHASES

    held = step.held
    yield (
        f"parameters and buffers {held.parameters + held.buffers:_} + inputs and target "
        f"{held.inputs.plus(held.target).at(step.batch):_} + state of {step.settings.optimizer} {held.optimizer_state:_} "
        f"+ gradients and values {step.activation_peak:_} bytes, N = {step.batch}"
    )
    alive = (f"{a.layer} {'' if a.what == 'output' else a.what + ' '}{a.bytes:_}" for a in step.alive[:SHOWN])
    place = "" if step.at.layer == step.at.phase else f" of {step.at.layer}"
    yield f"the peak is in {PHASES[step.at.phase]}{place}; most is {', '.join(alive)}"


_FIGURES: dict[str, Callable[[Facts, TrainingSettings | None, Arithmetic | None], Found]] = {
    "params": _params,
    "macs": _macs,
    "memory(peak)": _memory,
}
