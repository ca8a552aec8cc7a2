"""Units -> rows of cards."""

from __future__ import annotations

from archdsl.backends.drawing.content.drafts import Drafts
from archdsl.backends.drawing.content.model import Row, Word
from archdsl.backends.drawing.content.units import Unit
from archdsl.backends.drawing.content.words import glyph, show_output
from archdsl.source import short


def row_of(drafts: Drafts, unit: Unit) -> Row:
    """The row of a unit; its kinds, its MACs and what it stands for go to legend, scale and definitions."""
    if unit.closed is not None:
        for closed in (unit.closed, *unit.also_closed):
            drafts.closed.setdefault(id(closed[0]), closed)
    elif unit.module is not None and unit.module.kind == "group" and unit.kind == "block":
        drafts.folded.append(unit.paths[0])
    note_kinds(drafts, unit)
    drafts.scale = max(drafts.scale, unit.cost.macs)
    shade = _shade(drafts, unit)
    drafts.most = max(drafts.most, shade or 0)
    count = [Word(f"×{unit.count:_}")] if unit.count > 1 else []
    return Row(
        unit.paths[0],
        tooltip(unit),
        name_of(unit),
        unit.kind,
        unit.text,
        (*unit.words, *unit.strides, *count),
        show_output(unit.after),
        glyph(unit.after[0], unit.channels),
        unit.after != unit.before,
        _params(drafts, unit),
        unit.cost.macs,
        tuple(unit.paths),
        shade,
    )


def _shade(drafts: Drafts, unit: Unit) -> int | None:
    if drafts.look.shading is None:
        return None
    return {"macs": unit.cost.macs, "params": unit.cost.params, "memory": unit.bytes}[drafts.look.shading]


def folded(rows: list[Row]) -> tuple[list[Row], list[int]]:
    """The rows with those that say the same as the one before folded into it, and which one each went to."""
    groups: list[list[Row]] = []
    places: list[int] = []
    for row in rows:
        if groups and says(row) == says(groups[-1][0]):
            groups[-1].append(row)
        else:
            groups.append([row])
        places.append(len(groups) - 1)
    return [several(same) for same in groups], places


def says(row: Row) -> tuple[object, ...]:
    return row.kind, row.text, row.words, row.output, row.params, row.macs, row.is_change


def several(rows: list[Row]) -> Row:
    """A row for rows that say the same."""
    first, last = rows[0], rows[-1]
    if len(rows) == 1:
        return first
    words = (*first.words, Word(f"×{len(rows):_}"))
    return first._replace(
        name=first.name if first.name == last.name else f"{first.name} … {last.name}",
        tooltip=f"{first.path} … {last.path}",
        words=words,
        params=first.params and f"{first.params} each",
        paths=tuple(path for row in rows for path in row.paths),
    )


def note_kinds(drafts: Drafts, unit: Unit) -> None:
    """Notes the kinds for the legend."""
    drafts.kinds.add(unit.kind)
    drafts.kinds.update(w.kind for w in unit.words if w.kind is not None)


def name_of(unit: Unit) -> str:
    return unit.names[0] if len(unit.names) == 1 else f"{unit.names[0]} … {unit.names[-1]}"


def add_words(last: Unit, outline: Unit) -> None:
    """Puts what follows a run of its own on the last row of that run."""
    last.words += outline.words
    last.paths += outline.paths[len(outline.names) :]
    last.cost = last.cost.plus(outline.extra)
    last.bytes += outline.extra_bytes
    last.after = outline.after


def _params(drafts: Drafts, unit: Unit) -> str:
    if unit.cost.params:
        return short(unit.cost.params)
    is_shared = unit.is_reuse and unit.node and drafts.costs.nodes[unit.node].params
    return "shared" if is_shared else ""


def tooltip(unit: Unit) -> str:
    """The paths of all layers that a row stands for; of many calls the first and the last."""
    paths = unit.paths if len(unit.names) == 1 else [unit.paths[0], "…", unit.paths[-1]]
    return ", ".join(paths).replace(", …, ", " … ")
