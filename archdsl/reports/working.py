"""`archdsl explain macs FILE`: a figure with its convention, and the arithmetic behind it, layer by layer."""

from __future__ import annotations

from collections import Counter
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
    """`(7*7*3)*64*112*112`: the weights that a result reads, times the results; of several products the sum."""
    found = Counter(layer.op.multiply_adds(layer.operand_types, layer.result_types))
    terms = ((*([str(times)] if times > 1 else ()), f"({product(p.each)})", *p.places) for p, times in found.items())
    return " + ".join("*".join(map(str, factors)) for factors in terms)


def _weights(layer: Layer, cost: Cost) -> str:
    """`64*3*7*7 + 64`: the tensors that are trained."""
    return " + ".join(product(s.shape) for s in layer.node.state if s.role == "parameter")


def _uses(layer: Layer, cost: Cost) -> str:
    """`(5*5*1)*6*28*28 + 6*28*28`: the weights that are used, and the biases."""
    shape, biases = layer.result_types[0].shape, cost.connections - cost.macs
    if not cost.macs or biases not in (0, prod(shape)):
        return " and ".join(map(str, layer.operand_types))
    return f"{_work(layer, cost)} + {product(shape)}" if biases else _work(layer, cost)


def _doubled(layer: Layer, cost: Cost) -> str:
    """`2*(7*7*3)*64*112*112`, `2*((64)*100*64 + (100)*100*64)`."""
    work = _work(layer, cost)
    return f"2*({work})" if "+" in work else f"2*{work}"


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
        _doubled,
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
    times = f"×{layers.times:_}" if layers.times > 1 else ""
    operation = summary_cell(layers.first.op)
    return row(layers.first.path, operation, Cell(times, (Piece(times, "count"),)), working, layers.count)
