"""Limits from outside the spec, as CI sets them, against the facts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from archdsl.analyses import Facts
from archdsl.claims.claims import CLAIM_FAILS
from archdsl.ir import Layer
from archdsl.source import Diagnostic, Label, Span

SHOWN = 5
"""Layers that are named: those that cost most."""


class Limit(NamedTuple):
    """The most that a figure may be."""

    figure: str
    """`params`, `macs` or `memory(peak)`."""
    most: int
    text: str
    """The limit as it was given: `600M`."""


def exceeded(facts: Facts, limits: tuple[Limit, ...], span: Span) -> Iterator[Diagnostic]:
    """A diagnostic at the network's name for each limit that it is over, with what costs most."""
    for limit in limits:
        value = _FIGURES[limit.figure](facts)
        if value > limit.most:
            share = 100 * (value - limit.most) / limit.most if limit.most else 0
            yield Diagnostic(
                CLAIM_FAILS,
                f"`{facts.network.name}` is over the limit: `{limit.figure} <= {limit.text}`",
                Label(span, f"computed {value:_}, {share:.1f}% too much" if share else f"computed {value:_}"),
                notes=tuple(_NOTES[limit.figure](facts)),
            )


def _peak(facts: Facts) -> int:
    return facts.memory.figure("peak").bytes


def _dearest(facts: Facts, cost: Callable[[Layer], int]) -> Iterator[str]:
    costs = sorted(((cost(layer), layer) for layer in facts.flat.layers), key=lambda c: -c[0])
    shown = [
        (n, layer.path if layer.times == 1 else f"{layer.times:_} as {layer.path}") for n, layer in costs[:SHOWN] if n
    ]
    yield f"most cost {', '.join(f'{path} {n:_}' for n, path in shown)}"


def _params(facts: Facts) -> Iterator[str]:
    nodes = facts.cost.nodes
    yield from _dearest(facts, lambda layer: 0 if layer.is_reuse else nodes[layer.node].params * layer.times)


def _macs(facts: Facts) -> Iterator[str]:
    yield from _dearest(facts, lambda layer: facts.cost.nodes[layer.node].macs * layer.times)


def _memory(facts: Facts) -> Iterator[str]:
    memory = facts.memory
    yield (
        f"parameters and buffers {memory.parameters + memory.buffers:_} + inputs {memory.inputs:_} "
        f"+ activations {memory.activation_peak:_} bytes, N = {facts.batch}"
    )
    if memory.at is not None:
        held = ", ".join(f"{block.layer} {block.bytes:_}" for block in memory.at.live)
        yield f"at the peak {memory.at.layer} runs, and held are {held}"


_FIGURES: dict[str, Callable[[Facts], int]] = {
    "params": lambda facts: facts.cost.total.params,
    "macs": lambda facts: facts.cost.total.macs,
    "memory(peak)": _peak,
}
_NOTES: dict[str, Callable[[Facts], Iterator[str]]] = {"params": _params, "macs": _macs, "memory(peak)": _memory}
