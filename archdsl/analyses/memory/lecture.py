"""The table that lectures on convolutional networks print: values, bytes and weights of a layer, each as a product.

Karpathy's notes for CS231n, "VGGNet in detail", are the pattern: `CONV3-64: [224x224x64] memory: 224*224*64=3.2M
weights: (3*3*64)*64 = 36,864`.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from archdsl.ir import Flat, Layer, Network, Shape, TensorType


class LectureRow(NamedTuple):
    """An input, or an operator whose results count or that has parameters."""

    path: str
    operation: str
    layer: Layer | None
    output: TensorType
    values: Shape
    """The factors of the values, height first; empty where they do not count."""
    fan_in: Shape
    """The factors of what one output reads: `(3, 3, 64)`; empty where the weights are no such product."""
    outputs: Shape
    """The factors of how many outputs have weights of their own."""
    weights: int
    """Of all layers alike that it stands for."""
    biases: int

    @property
    def times(self) -> int:
        """How many layers alike it stands for."""
        return 1 if self.layer is None else self.layer.times

    @property
    def numel(self) -> int:
        """Values that count, of all layers alike."""
        return self.times * prod(self.values) if self.values else 0

    @property
    def bytes(self) -> int:
        return 4 * self.numel


class LectureFacts(NamedTuple):
    """The table with its sums."""

    rows: tuple[LectureRow, ...]

    @property
    def values(self) -> int:
        return sum(row.numel for row in self.rows)

    @property
    def bytes(self) -> int:
        """Bytes of one sample, four a value."""
        return 4 * self.values

    @property
    def weights(self) -> int:
        return sum(row.weights for row in self.rows)

    @property
    def biases(self) -> int:
        return sum(row.biases for row in self.rows)


def lecture(network: Network, flat: Flat) -> LectureFacts:
    """The table of a network, without what exists only while training; bytes are those of one sample."""
    makers = {number: layer for layer in flat.layers for number in layer.results}
    inputs = [
        LectureRow(name, "input", None, type, _factors(type), (), (), 0, 0)
        for name, type in zip(network.inputs, network.input_types, strict=True)
    ]
    rows = (_row(layer, makers) for layer in flat.layers)
    return LectureFacts((*inputs, *(row for row in rows if row.values or row.weights or row.biases)))


def _factors(type: TensorType) -> Shape:
    """Sizes before channels, as the lectures write them."""
    return (*type.sizes, *type.shape[:1]) or (1,)


def _row(layer: Layer, makers: dict[int, Layer]) -> LectureRow:
    op, operands, results = layer.op, layer.operand_types, layer.result_types
    state = () if layer.is_reuse else tuple(s for s in layer.node.state if s.role == "parameter")
    biases = sum(s.numel for s in state if s.name.endswith("bias"))
    weights = sum(s.numel for s in state) - biases
    fan_in = _fan_in(layer, makers) if weights else ()
    outputs = _outputs(weights // prod(fan_in), results[0]) if fan_in else ()
    own = weights * layer.times, biases * layer.times
    values = _factors(results[0]) if op.counts_values(operands, results) else ()
    return LectureRow(layer.path, op.summary(), layer, results[0], values, fan_in, outputs, *own)


def _outputs(count: int, result: TensorType) -> Shape:
    """The channels; where every place has weights of its own (`locally_connected`), the places times the channels."""
    return _factors(result) if count == result.numel != result.channels else (count,)


def _fan_in(layer: Layer, makers: dict[int, Layer]) -> Shape:
    """What one output reads; behind a `flatten` the map that was flattened."""
    fan_in = layer.op.fan_in(*layer.operand_types)
    if len(fan_in) != 1:
        return fan_in
    number = layer.operands[0]
    while (maker := makers.get(number)) is not None and _passes(maker):
        factors = _factors(maker.operand_types[0])
        if len(factors) > 1:
            return factors if prod(factors) == fan_in[0] else fan_in  # else of tokens, each with the layer's inputs
        number = maker.operands[0]
    return fan_in


def _passes(layer: Layer) -> bool:
    """Whether the operator hands its operand on element by element, in the same order, if in another shape."""
    if len(layer.operands) != 1 or layer.op.reach(*layer.operand_types) == "whole":
        return False
    (operand,), results = layer.operand_types, layer.result_types
    return (
        len(results) == 1 and (operand == results[0] or layer.op.is_view(operand)) and operand.numel == results[0].numel
    )
