"""`archdsl diff`: what is different between two networks, and what that costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from math import prod
from typing import Any

from archdsl.analyses import Facts
from archdsl.analyses.cost import Cost
from archdsl.analyses.difference import Change, Resized, ScopeChange, Two, difference
from archdsl.analyses.weights import weights
from archdsl.ir import Node, Op, TensorType, TooManyOperators, show_attribute
from archdsl.reports.numbers import percent
from archdsl.reports.outline import operation, span_of_names
from archdsl.reports.subject import Subject
from archdsl.reports.table import Cell, Column, Kind, Row, Table, Value, natural, row, show_value, text
from archdsl.source import counted
from archdsl.source.styled import Piece, text_of

CHANGES = (
    Column("change", ""),
    Column("layer", "layer"),
    Column("operation", "", wraps=True),
    Column("output", "output", "shape"),
    Column("macs", "MACs", "short"),
    Column("more", "", "number"),
    Column("note", ""),
)
SHOWN = 3
"""Of the other scopes in which the same was changed so many are shown."""
TOTALS = (
    Column("figure", ""),
    Column("before", "before", "number"),
    Column("after", "after", "number"),
    Column("change", ""),
)
SAME = "same"


def compare(old: Subject, new: Subject) -> list[Table]:
    """What was taken away, added and changed, scope by scope; then the figures side by side."""
    before, after = _written_alike(old.facts, new.facts)
    found = difference(before.network, after.network)
    rows = [change for scope in found.scopes for change in _scope(scope, before, after)]
    is_alike = not any(scope.changes or scope.outputs for scope in found.scopes)
    notes = ((Piece("the same layers, wired alike"),),) if is_alike else ()
    rows += _resized(found.resized)
    figures = tuple(_figures(before, after))
    left_out = "" if before.is_listed and after.is_listed else "too many operators for receptive fields"
    return [
        Table("changes", CHANGES, tuple(rows), title=_title(old, new), notes=notes),
        Table("figures", TOTALS, figures, notes=((Piece(left_out, "dim"),),) if left_out else ()),
    ]


def _title(old: Subject, new: Subject) -> tuple[Piece, ...]:
    """The names, of one name twice with the files; and what the figures hold for, unless it is one sample."""
    is_one_name = old.facts.network.name == new.facts.network.name and old.file != new.file
    names = [f"{s.file}:{s.facts.network.name}" if is_one_name else s.facts.network.name for s in (old, new)]
    settings = [_setting(s) for s in (old, new)]
    first, second = settings if settings[0] != settings[1] else ("", settings[1])
    pieces = (
        Piece(names[0], "title"),
        Piece(first, "dim"),
        Piece(" -> "),
        Piece(names[1], "title"),
        Piece(second, "dim"),
    )
    return tuple(piece for piece in pieces if piece.text)


def _setting(subject: Subject) -> str:
    batch = subject.facts.batch
    parts = [f"N = {batch}"] if batch > 1 else []
    parts += [f"{name} = {value}" for name, value in subject.bindings]
    return f"   {', '.join(parts)}" if parts else ""


def _written_alike(before: Facts, after: Facts) -> tuple[Facts, Facts]:
    """Both with every turn written out; where one has too many of them, in both a turn stands for a row of turns."""
    try:
        return before.unfolded(), after.unfolded()
    except TooManyOperators:
        return before, after


def difference_data(old: Subject, new: Subject) -> dict[str, Any]:
    """The same as data: `archdsl.diff/1`. A layer that is only before or only after is null on the other side."""
    before, after = _written_alike(old.facts, new.facts)
    found = difference(before.network, after.network)
    return {
        "schema": "archdsl.diff/1",
        "before": before.network.name,
        "after": after.network.name,
        "bindings": {"before": _bindings(old), "after": _bindings(new)},
        "scopes": [
            {
                "path": scope.path,
                "also": scope.others,
                "more": scope.further,
                "other_sizes": scope.has_other_sizes,
                "inputs": scope.inputs,
                "outputs": scope.outputs,
                "delta": _delta(scope.more),
                "changes": [
                    {
                        "before": _layer(change.before, before),
                        "after": _layer(change.after, after),
                        "reads": change.reads,
                        "renamed": change.is_renamed,
                        "uses": change.uses,
                        "attributes": {name: {"before": old, "after": new} for name, old, new in change.attributes},
                        "delta": _delta(change.in_all),
                    }
                    for change in scope.changes
                ],
            }
            for scope in found.scopes
        ],
        "resized": {"layers": found.resized.layers, "first": found.resized.paths, "delta": _delta(found.resized.more)},
        "figures": {name: {"before": a, "after": b} for name, a, b, _ in _compared(before, after)},
        "state_dict": loading(before, after),
    }


def _bindings(subject: Subject) -> dict[str, int | str]:
    return {"N": subject.facts.batch, **dict(subject.bindings)}


def _delta(more: Cost) -> dict[str, int]:
    return {"params": more.params, "macs": more.macs}


def _layer(node: Node | None, facts: Facts) -> dict[str, Any] | None:
    if node is None:
        return None
    return {
        "name": node.name,
        "operation": text_of(operation([node])),
        "times": node.times,
        "outputs": [type.shape for type in node.result_types],
        "params": facts.cost.nodes[node].params,
        "macs": facts.cost.nodes[node].macs,
    }


def _scope(scope: ScopeChange, before: Facts, after: Facts) -> Iterator[Row]:
    path = scope.path or (after.network.name if scope.others else "")
    if path:
        rest = scope.further + len(scope.others[SHOWN:])
        others = natural([*scope.others[:SHOWN], *([f"{rest:_} more"] if rest else [])])
        sizes = ", of other sizes" if scope.has_other_sizes else ""
        also = text(f"also {others}{sizes}", "dim") if others else Cell(None)
        name = text(path, "heading")
        here = sum(change.more.macs for change in scope.changes)
        together = text(f"{scope.more.macs:+_} in all", "dim") if scope.more.macs != here else Cell(None)
        yield Row((Cell(None), name, also, *[Cell(None)] * 3, together), style="heading")
    yield from _ends("inputs", scope.inputs, bool(path))
    for _, alike in groupby(scope.changes, _likeness):
        yield from _changed([*alike], before, after, bool(path))
    yield from _ends("outputs", scope.outputs, bool(path))


def _ends(name: str, ends: Two | None, indented: bool) -> Iterator[Row]:
    """What goes in or out of a scope, where it is something else."""
    if ends is not None:
        was, now = (natural(texts) or "nothing" for texts in ends)
        yield row(_sign("~"), _indented(name, indented), text(f"{now}, not {was}"), *[Cell(None)] * 4)


def _indented(name: str, indented: bool) -> Cell:
    return Cell(name, (Piece(f"{'  ' if indented else ''}{name}"),))


def _likeness(change: Change) -> object:
    """What children that were added one after another have in common, or such as were taken away."""
    node, other = change.after or change.before, change.after and change.before
    return id(change) if node is None or other is not None else (change.after is None, node.operator, node.result_types)


def _changed(alike: Sequence[Change], before: Facts, after: Facts, indented: bool) -> Iterator[Row]:
    change = alike[0]
    was, now = ([node for node in nodes if node is not None] for nodes in zip(*(c[:2] for c in alike), strict=True))
    old, new = (
        sum(facts.cost.nodes[node].macs * node.times for node in nodes) if nodes else None
        for nodes, facts in ((was, before), (now, after))
    )
    more = sum(c.more.macs for c in alike)
    if change.reads is not None and now:
        reads = [natural(names) or "nothing" for names in change.reads]
        yield _row("~", now, new, more, indented, f"reads {reads[1]}, not {reads[0]}")
        return
    if change.is_renamed and was and now:
        yield _row("~", now, new, more, indented, f"was {was[0].name}")
        return
    if was:
        yield _row("-", was, old, 0 if now else more, indented)
    if now:
        yield _row("+", now, new, more, indented, _unseen(change))


def _unseen(change: Change) -> str:
    """What differs and the short forms leave out: attributes, how often it runs, or what it reads."""
    old, new = change.before, change.after
    if change.uses is not None:
        return "uses {} -> {}".format(*change.uses)
    if old is None or new is None or not isinstance(op := old.operator, Op) or op.name != new.operator.name:
        return ""
    if not change.attributes and old.operand_types != new.operand_types:
        return f"reads {_types(old.operand_types)} -> {_types(new.operand_types)}"
    found = (it for it in change.attributes if op.replace(**{it[0]: it[2]}).summary() == op.summary())
    return ", ".join(f"{name} {show_attribute(name, a)} -> {show_attribute(name, b)}" for name, a, b in found)


def _types(types: Sequence[TensorType]) -> str:
    return ", ".join(map(str, types))


def _row(sign: str, alike: Sequence[Node], macs: int | None, more: int, indented: bool, note: str = "") -> Row:
    node, times = alike[0], sum(node.times for node in alike)
    count = (Piece(f"  ×{times:_}", "count"),) if times > 1 else ()
    pieces = (*operation(alike[:1]), *count)
    name = node.name if len(alike) == 1 else span_of_names(node.name, alike[-1].name)
    return Row(
        (
            _sign(sign),
            _indented(name, indented),
            Cell(text_of(pieces), pieces),
            text(_types(node.result_types)),
            Cell(macs) if macs else Cell(macs, ()),
            _more(more),
            text(note, "dim"),
        )
    )


def _resized(resized: Resized) -> Iterator[Row]:
    """Layers that were not changed, and cost more or less by what they read."""
    if not resized.layers:
        return
    rest = resized.layers - len(resized.paths)
    names = natural([*resized.paths, *([f"{rest:_} more"] if rest else [])])
    params = text(f"{resized.more.params:+_} params" if resized.more.params else "", "dim")
    yield row(
        _sign("~"),
        text(counted(resized.layers, "layer")),
        text(f"by their sizes: {names}"),
        None,
        None,
        _more(resized.more.macs),
        params,
    )


def _sign(sign: str) -> Cell:
    return text(sign, {"-": "error", "+": "ok", "~": "warning"}[sign])


def _more(macs: int) -> Cell:
    return Cell(macs, (Piece(f"{macs:+_}", "dim"),)) if macs else Cell(None)


def _figures(before: Facts, after: Facts) -> Iterator[Row]:
    compared = [*_compared(before, after)]
    changes = [_change(a, b, kind) for _, a, b, kind in compared]
    shares = [change for change in changes if all(change)]
    widths = [max(map(len, column)) for column in zip(*shares, strict=True)]
    for (name, a, b, kind), (more, share) in zip(compared, changes, strict=True):
        cells = (Cell(v, (Piece(show_value(v, kind)),)) for v in (a, b))
        shown = f"{more:>{widths[0]}}   {share:>{widths[1]}}" if share else more
        yield Row((text(name), *cells, text(shown, "dim" if more == SAME else "warning")))
    yield Row((text("state_dict"), Cell(None), Cell(None), text(loading(before, after))))


def _compared(before: Facts, after: Facts) -> Iterator[tuple[str, Value, Value, Kind]]:
    a, b = before.cost, after.cost
    yield "params", a.total.params, b.total.params, "count"
    yield "MACs", a.total.macs, b.total.macs, "count"
    if (a.training, b.training) != (a.total, b.total):
        yield "training params", a.training.params, b.training.params, "count"
        yield "training MACs", a.training.macs, b.training.macs, "count"
    yield "weight layers", a.depth, b.depth, "count"
    yield "activations", a.values, b.values, "count"
    yield "inference peak", before.memory.figure("peak").bytes, after.memory.figure("peak").bytes, "bytes"
    yield "kept for backward", before.memory.saved.bytes, after.memory.saved.bytes, "bytes"
    if before.is_listed and after.is_listed:
        yield "receptive field", _field(before), _field(after), "count"


def _change(before: Value, after: Value, kind: Kind) -> tuple[str, str]:
    """How much more it is, and what share of it was before; in a word where it is no number."""
    if before == after:
        return SAME, ""
    if not (isinstance(before, int) and isinstance(after, int)):
        return "differs", ""
    sign = "+" if after > before else "-"
    more = abs(after - before)
    return sign + show_value(more, kind), sign + percent(more / before) if before else ""


def _field(facts: Facts) -> Value:
    """That of a unit of the last layer which has several; in words where each of them reads everything, as behind a gate."""
    for layer in reversed(facts.flat.layers):
        field = facts.fields.of(layer.path)
        if field is None or not field.size:
            continue
        size = field.size[0] if len(set(field.size)) == 1 else field.size
        if field.status == "exact":
            return size
        if prod(layer.result_types[0].sizes) > 1:
            return field.status if field.status == "whole input" else f"at most {show_value(size, 'count')}"
    return None


def loading(before: Facts, after: Facts) -> str:
    """Whether weights of the one network load into the other."""
    try:
        a, b = (weights(f.network) for f in (before, after))
    except TooManyOperators:
        return "too many to be compared name by name"
    if list(a.items()) == list(b.items()):
        return "same names and shapes: weights load either way"
    lost, new = (sum(key not in other for key in own) for own, other in ((a, b), (b, a)))
    shaped = sum(a[key] != b[key] for key in a if key in b)
    parts = [f"{counted(lost, 'name')} only before" if lost else "", f"{new} only after" if new else ""]
    parts.append(f"{shaped} of other shapes" if shaped else "")
    return ", ".join(filter(None, parts)) or "same names and shapes in another order: weights load either way"
