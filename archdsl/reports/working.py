"""`archdsl explain macs FILE`: a figure with its convention, and the arithmetic behind it, layer by layer."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import NamedTuple

from archdsl.analyses import Facts
from archdsl.analyses.cost import Cost
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
    of_layer: Callable[[Cost], int]
    working: Callable[[Layer, Cost], str]
    more: Callable[[Facts], int] = lambda facts: 0
    """What is counted beside the layers: the inputs."""


def _work(layer: Layer, cost: Cost) -> str:
    """`(7*7*3)*64*112*112`: the weights that a result reads, times the results."""
    factors = layer.op.fan_in(*layer.operand_types)
    shape = layer.result_types[0].shape
    if prod(factors) * prod(shape) != cost.macs:
        return " and ".join(map(str, layer.operand_types))
    return f"({product(factors)})*{product(shape)}"


def _weights(layer: Layer, cost: Cost) -> str:
    """`64*3*7*7 + 64`: the tensors that are trained."""
    return " + ".join(product(s.shape) for s in layer.node.state if s.role == "parameter")


def _uses(layer: Layer, cost: Cost) -> str:
    """`(5*5*1)*6*28*28 + 6*28*28`: the weights that are used, and the biases."""
    weights, shape = _work(layer, cost), layer.result_types[0].shape
    biases = cost.connections - cost.macs
    return f"{weights} + {product(shape)}" if weights.startswith("(") and biases == prod(shape) else weights


FIGURES: dict[str, Figure] = {
    "params": Figure(
        "Elements that are trained: weights, biases, scales and shifts; a shared instance counts once. Running means and "
        "variances are buffers, and no parameters.",
        lambda cost: cost.params,
        _weights,
    ),
    "macs": Figure(
        "Multiply-adds of convolutions, linear layers, matrix products and attention, for one sample; all else counts "
        "nothing. Papers call this FLOPs as often as MACs. ResNet-50 has 3.86G with the stride in the first convolution of "
        "a block, as He et al. 2016 place it (they print 3.8G), and 4.09G with it in the second, as torchvision does.",
        lambda cost: cost.macs,
        _work,
    ),
    "flops": Figure(
        "Twice the multiply-adds: one multiplication and one addition each, as PyTorch's FlopCounterMode counts.",
        lambda cost: cost.flops,
        lambda layer, cost: f"2*{_work(layer, cost)}",
    ),
    "activations": Figure(
        "Elements of the inputs and of the results of weight layers, `subsample` and pools: the sum of a lecture's table. What "
        "PyTorch holds is another figure, `memory(...)`.",
        lambda cost: cost.values,
        lambda layer, cost: " + ".join(product(t.shape) for t in layer.result_types),
        lambda facts: facts.cost.inputs,
    ),
    "neurons": Figure(
        "Elements of the results of weight layers, `subsample` and `rbf`: units that compute with weights.",
        lambda cost: cost.neurons,
        lambda layer, cost: product(layer.result_types[0].shape),
    ),
    "connections": Figure(
        "Uses of a weight, and uses of a bias, as LeCun et al. 1998 count them (section II.B).",
        lambda cost: cost.connections,
        _uses,
    ),
}


def explain(name: str, subject: Subject) -> Table:
    """The figure of a network: a row for each kind of layer that counts, in order. Raises `KeyError` for another name."""
    figure = FIGURES[name]
    alike: dict[tuple[str, str], _Alike] = {}
    for layer in subject.facts.listing.layers:
        cost = subject.facts.cost_of(layer)
        if count := figure.of_layer(cost):
            known = alike.setdefault((layer.op.summary(), figure.working(layer, cost)), _Alike(layer))
            known.times += layer.times
            known.count += count * layer.times
    more = figure.more(subject.facts)
    rows = [row("inputs", None, None, None, more)] if more else []
    rows += [_row(working, layers) for (_, working), layers in alike.items()]
    total = more + sum(layers.count for layers in alike.values())
    last = row("total", None, None, None, total, style="total")
    return Table(name, COLUMNS, tuple(rows), (last,), title(subject, f"{name} = {exact(total)}"))


class _Alike:
    """Layers of one kind with one working."""

    def __init__(self, first: Layer) -> None:
        self.first = first
        self.times = 0
        self.count = 0
        """Of all of them."""


def _row(working: str, layers: _Alike) -> Row:
    times = f"×{layers.times}" if layers.times > 1 else ""
    operation = summary_cell(layers.first.op)
    return row(layers.first.path, operation, Cell(times, (Piece(times, "count"),)), working, layers.count)
