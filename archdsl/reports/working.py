"""`archdsl explain macs FILE`: a figure with its convention, and the arithmetic behind it, layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import prod
from typing import NamedTuple

from archdsl.analyses import Facts
from archdsl.analyses.cost import op_cost
from archdsl.ir import Layer
from archdsl.reports.layers import summary_cell, title
from archdsl.reports.numbers import exact, product
from archdsl.reports.subject import Subject
from archdsl.reports.table import Cell, Column, Row, Table, row
from archdsl.source.styled import Piece

COLUMNS = (
    Column("layer", "layer"),
    Column("operation", "", wraps=True),
    Column("times", "", "text"),
    Column("working", "working"),
    Column("value", "together", "count"),
)


class Figure(NamedTuple):
    """How a figure is counted."""

    convention: str
    of_layer: Callable[[Layer], int]
    working: Callable[[Layer], str]
    more: Callable[[Facts], int] = lambda facts: 0
    """What is counted beside the layers: the inputs."""


def _work(layer: Layer) -> str:
    """`(7*7*3)*64*112*112`: the weights that a result reads, times the results."""
    factors = layer.op.fan_in(*layer.operand_types)
    shape = layer.result_types[0].shape
    if prod(factors) * prod(shape) != _macs(layer):
        return " and ".join(map(str, layer.operand_types))
    return f"({product(factors)})*{product(shape)}"


def _weights(layer: Layer) -> str:
    """`64*3*7*7 + 64`: the tensors that are trained."""
    return " + ".join(product(s.shape) for s in layer.node.state if s.role == "parameter")


def _macs(layer: Layer) -> int:
    return layer.op.macs(layer.operand_types, layer.result_types)


def _connections(layer: Layer) -> int:
    return layer.op.connections(layer.operand_types, layer.result_types)


def _uses(layer: Layer) -> str:
    """`(5*5*1)*6*28*28 + 6*28*28`: the weights that are used, and the biases."""
    weights, shape = _work(layer), layer.result_types[0].shape
    biases = _connections(layer) - _macs(layer)
    return f"{weights} + {product(shape)}" if weights.startswith("(") and biases == prod(shape) else weights


FIGURES: dict[str, Figure] = {
    "params": Figure(
        "Elements that are trained: weights, biases, scales and shifts; a shared instance counts once. Running means and "
        "variances are buffers, and no parameters.",
        lambda layer: 0 if layer.is_reuse else op_cost(layer.op, layer.node).params,
        _weights,
    ),
    "macs": Figure(
        "Multiply-adds of convolutions, linear layers, matrix products and attention, for one sample; all else counts "
        "nothing. Papers call this FLOPs as often as MACs. ResNet-50 has 3.86G with the stride in the first convolution of "
        "a block, as He et al. 2016 place it (they print 3.8G), and 4.09G with it in the second, as torchvision does.",
        _macs,
        _work,
    ),
    "flops": Figure(
        "Twice the multiply-adds: one multiplication and one addition each, as PyTorch's FlopCounterMode counts.",
        lambda layer: 2 * _macs(layer),
        lambda layer: f"2*{_work(layer)}",
    ),
    "activations": Figure(
        "Elements of the inputs and of the results of weight layers, `subsample` and pools: the sum of a lecture's table. What "
        "PyTorch holds is another figure, `memory(...)`.",
        lambda layer: op_cost(layer.op, layer.node).values,
        lambda layer: " + ".join(product(t.shape) for t in layer.result_types),
        lambda facts: facts.cost.inputs,
    ),
    "neurons": Figure(
        "Elements of the results of weight layers, `subsample` and `rbf`: units that compute with weights.",
        lambda layer: op_cost(layer.op, layer.node).neurons,
        lambda layer: product(layer.result_types[0].shape),
    ),
    "connections": Figure(
        "Uses of a weight, and uses of a bias, as LeCun et al. 1998 count them (section II.B).", _connections, _uses
    ),
}


def explain(name: str, subject: Subject) -> Table:
    """The figure of a network: a row for each kind of layer that counts, in order. Raises `KeyError` for another name."""
    figure = FIGURES[name]
    alike: dict[tuple[str, str], list[Layer]] = {}
    for layer in subject.facts.listing.layers:
        if figure.of_layer(layer):
            alike.setdefault((layer.op.summary(), figure.working(layer)), []).append(layer)
    more = figure.more(subject.facts)
    rows = [row("inputs", None, None, None, more)] if more else []
    rows += [_row(figure, working, layers) for (_, working), layers in alike.items()]
    total = more + sum(_together(figure, layers) for layers in alike.values())
    last = row("total", None, None, None, total, style="total")
    return Table(name, COLUMNS, tuple(rows), (last,), title(subject, f"{name} = {exact(total)}"))


def _row(figure: Figure, working: str, layers: list[Layer]) -> Row:
    first = layers[0]
    count = sum(layer.times for layer in layers)
    times = f"×{count}" if count > 1 else ""
    return row(
        first.path, summary_cell(first.op), Cell(times, (Piece(times, "count"),)), working, _together(figure, layers)
    )


def _together(figure: Figure, layers: Iterable[Layer]) -> int:
    return sum(figure.of_layer(layer) * layer.times for layer in layers)
