"""`archdsl report params`: where the parameters are; with `--full` every tensor of the `state_dict`."""

from __future__ import annotations

from archdsl.ir import Layer, State
from archdsl.reports.layers import LAYER, layer_row, path_cell, see_more, title
from archdsl.reports.numbers import exact
from archdsl.reports.options import Options
from archdsl.reports.outline import Entry, outline
from archdsl.reports.subject import Subject
from archdsl.reports.table import Cell, Column, Row, Table, row
from archdsl.source import binary
from archdsl.source.styled import Piece

COLUMNS = (
    *LAYER,
    Column("weights", "weights", "count"),
    Column("biases", "biases", "count"),
    Column("params", "params", "count"),
    Column("share", "share", "share", optional=True),
    Column("bar", "", "bar", optional=True),
)
TENSORS = (
    Column("tensor", "tensor"),
    Column("shape", "shape", "shape"),
    Column("elements", "elements", "count"),
    Column("role", "role"),
    Column("dtype", "dtype", optional=True),
)


def report(subject: Subject, options: Options) -> list[Table]:
    """Trainable elements, a shared instance once; what is not a bias counts as a weight."""
    return [_tensors(subject) if options.full else _layers(subject, options)]


def _layers(subject: Subject, options: Options) -> Table:
    entries = [e for e in outline(subject, options) if e.cost.params and not (options.is_flat and e.is_opened)]
    total = subject.facts.cost.total
    share = 1.0 if total.params else None
    last = row("total", None, total.weights, total.params - total.weights, total.params, share, None, style="total")
    rows = tuple(_row(subject, entry) for entry in entries)
    notes = (
        *_buffers(subject),
        *see_more(entries, options, sum(layer.times for layer, _ in _states(subject)), "tensors"),
    )
    return Table("params", COLUMNS, rows, (last,), _title(subject), notes)


def _title(subject: Subject) -> tuple[Piece, ...]:
    total = subject.facts.cost.total
    return title(subject, f"{exact(total.params)} parameters, {binary(total.param_bytes)} in float32")


def _row(subject: Subject, entry: Entry) -> Row:
    cost = entry.cost
    share = cost.params / subject.facts.cost.total.params
    biases = cost.params - cost.weights
    drawn = Cell(None) if entry.is_opened else Cell(share)
    return layer_row(
        entry, Cell(cost.weights), Cell(biases, None if biases else ()), Cell(cost.params), Cell(share), drawn
    )


def _buffers(subject: Subject) -> tuple[tuple[Piece, ...], ...]:
    buffers = subject.facts.cost.total.buffers
    return ((Piece(f"and {exact(buffers)} elements in buffers, which are not trained"),),) if buffers else ()


def _tensors(subject: Subject) -> Table:
    rows = [_tensor(layer, state) for layer, state in _states(subject)]
    last = row("total", None, subject.facts.cost.total.params, "parameter", None, style="total")
    return Table("params", TENSORS, tuple(rows), (last,), _title(subject), _buffers(subject))


def _states(subject: Subject) -> list[tuple[Layer, State]]:
    layers = (layer for layer in subject.facts.listing.layers if not layer.is_reuse)
    return [(layer, state) for layer in layers for state in layer.node.state]


def _tensor(layer: Layer, state: State) -> Row:
    name = path_cell(state.key(layer.path), layer.times)
    return row(name, state.shape, state.numel * layer.times, state.role, state.dtype)
