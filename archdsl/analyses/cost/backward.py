"""The work of backward: what autograd multiplies and adds for one sample, layer by layer.

A layer's backward computes a gradient for each thing that needs one: its weights, and each operand that depends on
something trained. Each of these gradients takes as many multiply-adds as the layer's forward, since they are the same
products with other factors (Goodfellow, Bengio & Courville 2016, section 6.5.6). The first layer needs none for its
input. What a kernel computes anew to save memory is not counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from archdsl.ir import Flat, Layer


class Work(NamedTuple):
    """Multiply-adds of one layer for one sample."""

    layer: Layer
    forward: int
    backward: int


def works(flat: Flat) -> tuple[Work, ...]:
    """The work of every layer of a training step, in the order of the forward pass.

    Args:
        flat: the network with the parts that exist while training, if their work is to be counted.
    """
    found = []
    for layer, operands in wanted(flat):
        forward = layer.op.macs(layer.operand_types, layer.result_types)
        backward = layer.op.macs_backward(layer.operand_types, layer.result_types, operands) if forward else 0
        found.append(Work(layer, forward, backward))
    return tuple(found)


def wanted(flat: Flat) -> Iterator[tuple[Layer, list[bool]]]:
    """The layers in the order of the forward pass, each with which of its operands depend on something that is trained."""
    needs = [False] * len(flat.types)
    for layer in flat.layers:
        operands = [needs[v] for v in layer.operands]
        trains = any(s.role == "parameter" for s in layer.node.state)
        for value, type in zip(layer.results, layer.result_types, strict=True):
            needs[value] = type.is_float and (trains or any(layer.op.read(operands)))
        yield layer, operands


def totals(found: Iterable[Work]) -> tuple[int, int]:
    """Forward and backward."""
    forward, backward = 0, 0
    for work in found:
        forward += work.forward * work.layer.times
        backward += work.backward * work.layer.times
    return forward, backward
