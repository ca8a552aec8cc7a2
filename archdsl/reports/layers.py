"""What the tables of layers share: their title, their first columns, and the lines that say how to see more."""

from __future__ import annotations

from collections.abc import Sequence

from archdsl.ir import Op, TensorType
from archdsl.reports.numbers import exact
from archdsl.reports.options import Options
from archdsl.reports.outline import Entry, summary
from archdsl.reports.subject import Subject
from archdsl.reports.table import Cell, Column, Row
from archdsl.source.styled import Piece, text_of

LAYER = (Column("layer", "layer", wraps=True), Column("operation", "", wraps=True))
"""The columns that `layer_cells` fills."""


def title(subject: Subject, *more: str) -> tuple[Piece, ...]:
    """The network's name and what the figures hold for."""
    rest = [Piece("   " + part, "dim") for part in more if part]
    return (Piece(subject.facts.network.name, "title"), *rest)


def signature(subject: Subject) -> str:
    """`image [3, 224, 224] -> logits [1000]`."""
    network = subject.facts.network
    inputs = (f"{name} {type}" for name, type in zip(network.inputs, network.input_types, strict=True))
    outputs = (f"{out.name} {out.value.type}" for out in network.outputs if not out.training)
    return f"{', '.join(inputs)} -> {', '.join(outputs)}"


def setting(subject: Subject) -> str:
    """`N = 1, float32`: the batch, the sizes that were given for symbols, and the type of what comes in and goes out."""
    bound = [f"N = {subject.facts.batch}", *(f"{name} = {value}" for name, value in subject.bindings)]
    network = subject.facts.network
    types = [*network.input_types, *(output.value.type for output in network.outputs)]
    dtypes = [type.in_type(subject.dtype).dtype for type in types if type.is_float] or [type.dtype for type in types]
    mixed = [str(subject.arithmetic)] if subject.arithmetic.is_mixed else []
    return ", ".join([*bound, *dict.fromkeys(dtypes), *mixed])


def layer_cells(entry: Entry) -> tuple[Cell, Cell]:
    name = Piece(entry.name, "heading" if entry.is_opened else "")
    return Cell(entry.path, (name,)), Cell(text_of(entry.operation), entry.operation)


def path_cell(path: str, times: int) -> Cell:
    """The path of a layer, with the number of layers alike that it stands for."""
    return Cell(path, (Piece(path), Piece(f"  ×{times:_}", "count")) if times > 1 else None)


def layer_row(entry: Entry, *cells: Cell) -> Row:
    style = "heading" if entry.is_opened else ""
    return Row((*layer_cells(entry), *cells), indent=entry.indent, style=style)


def summary_cell(op: Op) -> Cell:
    return Cell(op.summary(), tuple(summary(op)))


def or_blank(value: int) -> Cell:
    """A count that people need not see where it is nothing."""
    return Cell(value) if value else Cell(value, ())


def shapes(types: Sequence[TensorType]) -> Cell:
    """The shape of one result, or of several: all where they are two or alike, else the first and how many more."""
    texts = list(map(str, types))
    alike = len(texts) > 1 and len(set(texts)) == 1
    whole = f"{len(texts)} × {texts[0]}" if alike else ", ".join(texts)
    shown = whole if alike or len(texts) < 3 else f"{texts[0]} + {len(texts) - 1} more"
    return Cell(whole, (Piece(shown),))


def for_all_sizes(subject: Subject) -> tuple[tuple[Piece, ...], ...]:
    """The multiply-adds as a formula of the sizes that are open."""
    if subject.for_all is None:
        return ()
    macs = subject.for_all.facts.cost.total.macs
    return ((Piece(f"{subject.for_all.symbols()}: {macs:_} MACs", "dim"),),)


class OnlyChanges:
    """Shows a shape only where it is not that of the row before."""

    def __init__(self, before: Sequence[TensorType]) -> None:
        self.before = tuple(before)

    def cell(self, types: Sequence[TensorType]) -> Cell:
        cell = shapes(types)
        changed = tuple(types) != self.before
        self.before = tuple(types)
        return cell if changed else Cell(cell.value, ())


def see_more(
    entries: Sequence[Entry], options: Options, rows: int, what: str = "operators"
) -> tuple[tuple[Piece, ...], ...]:
    """The last line of a table: how its rows are opened, and how many `--full` has."""
    if options.full or options.is_flat:
        return ()
    closed = [entry.indent for entry in entries if entry.is_closed_scope]
    parts = [
        f"--depth {max(closed) + 1} opens the blocks" if closed else "",
        f"--full lists all {exact(rows)} {what}" if len(entries) < rows else "",
        "×n: sum of n alike" if any(e.times > 1 for e in entries) else "",
    ]
    words = " · ".join(filter(None, parts))
    return ((Piece(words, "dim"),),) if words else ()
