"""The work of backward: what autograd multiplies and adds for one sample, layer by layer.

A layer's backward computes a gradient for each thing that needs one, if a gradient comes to its result at all: its weights,
and each operand that depends on something trained. Each of these gradients takes as many multiply-adds as the layer's
forward, since they are the same products with other factors (Goodfellow, Bengio & Courville 2016, section 6.5.6). The first
layer needs none for its input. What a kernel computes anew to save memory is not counted.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from typing import NamedTuple

from archdsl.ir import Flat, Layer, State


class Wanted(NamedTuple):
    """The gradients that backward makes of a layer."""

    layer: Layer
    operands: list[bool]
    """Which of these depend on something that is trained."""
    parameters: tuple[State, ...]
    """Its own that are trained."""

    @property
    def macs(self) -> int:
        """Multiply-adds of backward for one sample."""
        op, types = self.layer.op, (self.layer.operand_types, self.layer.result_types)
        return op.macs_backward(*types, self.operands, [s.name for s in self.parameters]) if op.macs(*types) else 0


class Work(NamedTuple):
    """Multiply-adds of one layer for one sample."""

    layer: Layer
    forward: int
    backward: int


def works(flat: Flat, frozen: Container[str] = ()) -> tuple[Work, ...]:
    """The work of every layer of a training step, in the order of the forward pass.

    Args:
        flat: the network with the parts that exist while training, if their work is to be counted; of its outputs is the loss.
        frozen: the names of parameters that are not trained.
    """
    return tuple(
        Work(w.layer, w.layer.op.macs(w.layer.operand_types, w.layer.result_types), w.macs)
        for w in wanted(flat, frozen)
    )


def wanted(flat: Flat, frozen: Container[str] = ()) -> Iterator[Wanted]:
    """The layers in the order of the forward pass, each with the gradients that backward makes."""
    needs = [False] * len(flat.types)
    reached = _reached(flat)
    for layer in flat.layers:
        is_reached = not reached.isdisjoint(layer.results)
        operands = [is_reached and needs[v] for v in layer.operands]
        own = (s for s in layer.node.state if s.role == "parameter" and is_reached)
        trained = tuple(s for s in own if s.key(layer.path) not in frozen)
        for value, type in zip(layer.results, layer.result_types, strict=True):
            needs[value] = type.is_float and (bool(trained) or any(layer.op.read(operands)))
        yield Wanted(layer, operands, trained)


def _reached(flat: Flat) -> set[int]:
    """The values to which gradients come from some output: not those that nobody reads, or only to choose among numbers."""
    carried = [pair for turns in flat.turns for pair in turns.carried]
    found, reached = {*flat.outputs}, set[int]()
    while found:
        reached |= found
        for layer in reversed(flat.layers):
            results = zip(layer.results, layer.result_types, strict=True)
            if any(value in reached and type.is_float for value, type in results):
                reached.update(layer.op.read(layer.operands))
        found = {new for old, new in carried if old in reached} - reached  # what a turn reads of the turn before
    return reached


def totals(found: Iterable[Work]) -> tuple[int, int]:
    """Forward and backward."""
    forward, backward = 0, 0
    for work in found:
        forward += work.forward * work.layer.times
        backward += work.backward * work.layer.times
    return forward, backward
