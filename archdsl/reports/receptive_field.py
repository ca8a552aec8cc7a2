"""`archdsl report receptive-field`: how much of the input a unit of each layer reads."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import prod
from typing import Protocol

from archdsl.analyses.options import OptionProblem
from archdsl.analyses.receptive_field import Field, FieldFacts, FieldRow, UnitRows, traced
from archdsl.ir import Layer, Module, Network, TensorType, written
from archdsl.reports.layers import LAYER, layer_row, path_cell, title
from archdsl.reports.options import Options
from archdsl.reports.outline import outline
from archdsl.reports.subject import Subject
from archdsl.reports.table import Cell, Column, Table, row
from archdsl.source import nearest
from archdsl.source.styled import Piece

FIGURES = (
    Column("size", "size", "number"),
    Column("stride", "stride", "number"),
    Column("centre", "first centre", "number"),
    Column("share", "of input", "share"),
    Column("least", "shortest path", "number", optional=True),
    Column("bar", "", "bar", optional=True),
)
COLUMNS = (Column("layer", "layer"), Column("window", "window"), *FIGURES)
AXES = {1: ("positions",), 2: ("rows", "columns"), 3: ("slices", "rows", "columns")}


def report(subject: Subject, options: Options) -> list[Table]:
    """The layers that widen the field, in rows of the input; with `full` all layers. See `unit_rows` for one unit."""
    if not subject.facts.is_listed:
        return _composed(subject, options)
    facts = subject.facts.fields
    head = _title(subject, facts.input, facts.type)
    if not facts.type.positions:
        why = f"{facts.input} has no spatial axis, so no unit has a place on it" if facts.input else "there is no input"
        return [Table("receptive-field", (), (), title=head, notes=((Piece(why),),))]
    rows = [r for r in facts.rows if r.field is not None and (options.full or _widens(subject, r))]
    cells = [_cells(subject, r.layer, r.field) for r in rows if r.field]
    has_paths = any(c["least"].value is not None for c in cells)
    columns = tuple(column for column in COLUMNS if has_paths or column.key != "least")
    found = (row(*(c[column.key] for column in columns)) for c in cells)
    notes = _unit_notes(subject, rows, options)
    if any(r.layer.times > 1 for r in rows):
        notes.append((Piece("×n: the field behind the first of n alike", "dim"),))
    return [Table("receptive-field", columns, tuple(found), (), head, ((), *notes) if notes else ())]


def _title(subject: Subject, input: str, type: TensorType) -> tuple[Piece, ...]:
    """The network and the input; of one that might be tokens which axis is looked along."""
    is_either = type.is_float and type.rank == 2
    return title(
        subject, f"{input} {type}" if input else "", "along axis 1; axis 0 counts as channels" if is_either else ""
    )


def _composed(subject: Subject, options: Options) -> list[Table]:
    """Of a network that is too large to be listed: the rows of other reports, each with the field behind its last layer."""
    facts, narrowest = subject.facts.composed_fields, subject.facts.narrowest_composed_fields
    entries = outline(subject, options)
    found = []
    for entry in entries:
        field, least = (None if entry.is_opened else fields.of(entry.paths[-1]) for fields in (facts, narrowest))
        cells = {} if field is None else _figures(facts.type, field, least)
        found.append(layer_row(entry, *(cells.get(column.key, Cell(None)) for column in FIGURES)))
    deeper = (1 if options.depth is None else options.depth) + 1
    words = [f"--depth {deeper} opens the blocks" if any(e.is_closed_scope for e in entries) else ""]
    words.append("×n: the field behind the last of n alike" if any(e.times > 1 for e in entries) else "")
    notes = [(Piece(" · ".join(filter(None, words)), "dim"),)] if any(words) else []
    if options.unit is not None:
        notes.insert(0, (Piece(unit_rows(subject, *options.unit)),))
    head = _title(subject, facts.input, facts.type)
    return [Table("receptive-field", (*LAYER, *FIGURES), tuple(found), (), head, tuple(notes))]


class Effective(Protocol):
    """What was measured (`archdsl.backends.pytorch.EffectiveField`)."""

    @property
    def unit(self) -> tuple[int, ...]: ...

    @property
    def pixels(self) -> int: ...

    @property
    def size(self) -> float: ...

    @property
    def samples(self) -> int: ...


def check_effective(subject: Subject, path: str) -> None:
    """Raises `OptionProblem` for a layer that is not there."""
    try:
        _network_with(subject, path)
    except KeyError as error:
        raise OptionProblem("effective", f"names nothing: {error.args[0]}") from None


def effective_table(subject: Subject, path: str, found: Effective) -> Table:
    """The field of a layer beside what its middle unit really sees at random weights (Luo et al. 2016)."""
    field = _network_with(subject, path)[1].of(path)
    assert field is not None
    side = f"{found.size:.0f}"
    pixels = Piece(f"{found.pixels} pixels have more than 4.55 % of the largest gradient")
    rows = (
        row("receptive field", _size(field), None),
        row("effective", _by([side] * len(field.axes)), Cell(found.pixels, (pixels,))),
    )
    words = f"unit {found.unit} of {path}; mean over {found.samples} random networks and inputs (arXiv:1701.04128)"
    columns = (Column("field", "field"), Column("size", "size"), Column("pixels", "", wraps=True))
    return Table("effective field", columns, rows, notes=((Piece(words, "dim"),),), is_list=True)


def _widens(subject: Subject, r: FieldRow) -> bool:
    """Whether a unit of the layer reads more of the input than those of an operand do, or units are further apart."""
    operands = [field for number in r.layer.operands if (field := subject.facts.fields.values[number])]
    assert r.field is not None
    strides = [axis.stride for axis in r.field.axes]
    return any(
        r.field.size != field.size or (None not in strides and strides != [axis.stride for axis in field.axes])
        for field in operands
    )


def _cells(subject: Subject, layer: Layer, field: Field) -> dict[str, Cell]:
    """By the keys of the columns."""
    narrow = subject.facts.narrowest_fields.values[layer.results[0]]
    figures = _figures(subject.facts.fields.type, field, narrow)
    return {"layer": path_cell(layer.path, layer.times), "window": _window(layer), **figures}


def _figures(type: TensorType, field: Field, narrow: Field | None) -> dict[str, Cell]:
    """The same of `FIGURES`, for a field of an input and that of the path that reads least."""
    sizes = type.positions
    read = prod(min(axis.size, n) for axis, n in zip(field.axes, sizes, strict=True))
    share = read / prod(sizes)
    is_placed = field.status != "whole input"
    return {
        "size": _size(field),
        "stride": _per_axis([axis.stride for axis in field.axes]) if is_placed else Cell(None, (Piece("-"),)),
        "centre": _per_axis([axis.centre for axis in field.axes]) if is_placed else Cell(None, (Piece("-"),)),
        "share": Cell(share),
        "least": Cell(None) if narrow is None or narrow.size == field.size else _size(narrow),
        "bar": Cell(share),
    }


def _size(field: Field) -> Cell:
    """`212 x 212`, with a sign where it is a bound."""
    sign = "≤ " if field.status == "bound" else ""
    return _by(list(map(str, field.size)), sign)


def _by(sizes: Sequence[str], sign: str = "") -> Cell:
    return Cell(sign + "x".join(sizes), (Piece(sign + " x ".join(sizes)),))


def _window(layer: Layer) -> Cell:
    """`3x3 /2`: the rows that a unit reads of the layer's own operand, and how far units are apart."""
    reach = layer.op.reach(*layer.operand_types)
    if reach == "whole":
        return Cell("all of it")
    if not isinstance(reach, tuple):
        return Cell(layer.op.name)
    window, strides = "x".join(str(s.extent) for s in reach), {s.stride for s in reach}
    apart = "x".join(str(s.stride) for s in reach) if len(strides) > 1 else str(*strides)
    return Cell(window if strides == {1} else f"{window} /{apart}")


def _per_axis(values: Sequence[int | float | Fraction | None]) -> Cell:
    """One number where the axes agree; a stride below a row is a fraction."""
    if None in values:
        return Cell(None, (Piece("-"),))
    texts = [f"{v:.1f}" if isinstance(v, float) else str(v) for v in values]
    if len(set(values)) == 1:
        first = values[0]
        return Cell(float(first) if isinstance(first, Fraction) else first, (Piece(texts[0]),))
    return Cell("x".join(texts), (Piece(" x ".join(texts)),))


def _unit_notes(subject: Subject, rows: Sequence[FieldRow], options: Options) -> list[tuple[Piece, ...]]:
    """What one unit reads: the one asked for, else the middle one of the last layer whose units have a place."""
    if options.unit is not None:
        return [(Piece(unit_rows(subject, *options.unit)),)]
    placed = [r.layer for r in rows if r.field and r.field.status == "exact" and _is_map(subject, r.layer, r.field)]
    if not placed:
        return []
    path, sizes = placed[-1].path, placed[-1].result_types[0].sizes
    middle = tuple(n // 2 for n in sizes)
    hint = f"--unit {path}:{','.join(map(str, middle))} names what another unit reads"
    return [(Piece(unit_rows(subject, path, middle)),), (Piece(hint, "dim"),)]


def _is_map(subject: Subject, layer: Layer, field: Field) -> bool:
    """Whether its units have places as the input's have, and are numbered by them."""
    is_alike = len(layer.result_types[0].sizes) == len(subject.facts.fields.type.positions)
    return is_alike and all(axis.along != 0 for axis in field.axes)


def unit_rows(subject: Subject, path: str, index: tuple[int, ...]) -> str:
    """`unit (3, 3) of features.30 reads rows 6..217, columns 6..217`; of a shared instance that of its first use.

    Raises `OptionProblem` for a unit that is not there, `TooManyOperators` for one in a turn of a loop that is not written
    out.
    """
    try:
        return _unit_rows(subject, path, index)
    except (KeyError, IndexError) as error:
        raise OptionProblem("unit", f"names nothing: {error.args[0]}") from None


def _unit_rows(subject: Subject, path: str, index: tuple[int, ...]) -> str:
    """Raises `KeyError` for an unknown path, `IndexError` for a unit that is not there."""
    if not subject.facts.is_listed:
        composed = subject.facts.composed_fields
        name = _unit(subject.facts.network, path, index)
        return _told(name, composed.unit(path, index), None, composed.of(path), composed.type)
    network, facts = _network_with(subject, path)
    found = facts.unit(path, index)
    return _told(_unit(network, path, index), found, traced(facts, path, index), facts.of(path), facts.type)


def _network_with(subject: Subject, path: str) -> tuple[Network, FieldFacts]:
    """The network, unfolded where that has the path, and its fields. Raises `KeyError` for an unknown path."""
    network, facts = subject.facts.network, subject.facts.fields
    if path not in facts.flat.paths and written(network, path) is not None:
        unfolded = subject.facts.unfolded()
        network, facts = unfolded.network, unfolded.fields
    if path not in facts.flat.paths:
        close, layers = nearest(path, facts.flat.paths), facts.flat.layers
        known = f"; its layers are `{layers[0].path}` to `{layers[-1].path}`" if layers else ""
        raise KeyError(f"there is no `{path}`" + (f"; did you mean `{close}`?" if close else known))
    return network, facts


def _unit(network: Network, path: str, index: tuple[int, ...]) -> str:
    """`unit (3, 3) of features.30`; of a shared instance also which of its uses."""
    name, uses = f"unit ({', '.join(map(str, index))}) of {path}", _uses(network, path)
    return f"{name}, in the first of its {uses} uses," if uses > 1 else name


def _uses(network: Network, path: str) -> int:
    """How many operators or calls have a path: several where it is in a shared instance."""
    module: object = network.body
    uses = 1
    for name in path.split("."):
        nodes = [n for n in module.nodes if n.name == name and not n.training] if isinstance(module, Module) else []
        if nodes:  # none at inputs and outputs
            uses, module = uses * len(nodes), nodes[0].operator
    return uses


def _told(
    name: str,
    found: Sequence[UnitRows] | None,
    read: Sequence[UnitRows | None] | None,
    field: Field | None,
    type: TensorType,
) -> str:
    """What a unit reads.

    Args:
        name: what the unit is called.
        found: the rows of its field, those in padding among them.
        read: those that are really read; None where that is not known.
    """
    if read is not None and None in read:
        return f"{name} reads nothing of the input"
    if found is None and read is None:
        return f"what {name} reads is not known row by row"
    known = [rows for rows in read or () if rows is not None]
    is_bound = field is not None and field.status == "bound"
    if found is None or (known and is_bound):
        found = known
    names = AXES.get(len(found)) or [f"axis {axis}" for axis in range(len(found))]
    beside: Sequence[UnitRows | None] = known or [None] * len(found)
    parts = [_axis(*each) for each in zip(names, found, beside, type.positions, strict=True)]
    most = "at most " if is_bound and not known else ""
    return f"{name} reads {most}{', '.join(parts)}"


def _axis(name: str, rows: UnitRows, read: UnitRows | None, size: int) -> str:
    """`rows -3..10 (3 of them padding)`, or where a map on the way was padded too `rows 0..8 of its field 0..10`."""
    inside = UnitRows(max(rows.first, 0), min(rows.last, size - 1))
    if read is not None and read != inside:
        return f"{name} {read.first}..{read.last} of its field {rows.first}..{rows.last}"
    padding = rows.last - rows.first - max(inside.last - inside.first, -1)
    return f"{name} {rows.first}..{rows.last}" + (f" ({padding} of them padding)" if padding else "")
