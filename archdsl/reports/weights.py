"""`archdsl weights diff`: where a file of weights differs from a network, or from another file."""

from __future__ import annotations

import json
from collections.abc import Iterator

from archdsl.analyses.weights import Comparison, Difference, Stored
from archdsl.reports.table import Cell, Column, Row, Table, row, text
from archdsl.source.styled import Piece

SCHEMA = "archdsl.weights/1"
COLUMNS = (
    Column("name", "name"),
    Column("before", ""),
    Column("after", ""),
    Column("difference", ""),
    Column("rename", ""),
)
FEW = 2
"""Differences below no more paths than this are worth a hint how to load the rest."""


def weights_table(network: str, sides: tuple[str, str], comparison: Comparison, top: int | None = None) -> Table:
    """The differences name by name, at most `top` of them, each missing name with the one that may stand for it.

    Args:
        sides: what is compared: `network` and a file, or two files.
    """
    count = f"{comparison.matching} of {comparison.expected} tensors are the same"
    shown = comparison.differences[:top]
    more = len(comparison.differences) - len(shown)
    notes = [*([f"{more} more"] if more else []), *_hints(comparison, is_loaded="network" in sides)]
    renames = {r.before: f"`{r.after}`?" for r in comparison.renames}
    columns = tuple(c._replace(title=title) for c, title in zip(COLUMNS[1:3], sides, strict=True))
    return Table(
        "weights",
        (COLUMNS[0], *columns, *COLUMNS[3:]),
        tuple(_row(d, renames.get(d.name, "")) for d in shown),
        title=(Piece(network, "title"), Piece(f"   {count}", "dim")),
        notes=tuple((Piece(note, "dim"),) for note in notes),
    )


def weights_json(network: str, sides: tuple[str, str], comparison: Comparison) -> str:
    """The same as a JSON document."""
    document = {
        "schema": SCHEMA,
        "network": network,
        "sides": sides,
        "matching": comparison.matching,
        "expected": comparison.expected,
        "loads": not comparison.obstacles,
        "differences": [
            {"name": d.name, "kind": d.kind, "before": _json(d.before), "after": _json(d.after), "by": d.by}
            for d in comparison.differences
        ],
        "renames": [{"before": r.before, "after": r.after} for r in comparison.renames],
    }
    return json.dumps(document, indent=2) + "\n"


def _json(stored: Stored | None) -> dict[str, object] | None:
    return None if stored is None else {"shape": stored.shape, "dtype": stored.dtype}


def _row(d: Difference, rename: str) -> Row:
    kind = d.kind if d.by is None else f"values, by {d.by:.2g}"
    style = "error" if d.prevents_loading else "warning"
    return row(d.name, _stored(d.before), _stored(d.after), text(kind, style), text(rename, "help"))


def _stored(stored: Stored | None) -> Cell:
    return Cell(None, (Piece("-", "dim"),)) if stored is None else Cell(str(stored))


def _hints(comparison: Comparison, *, is_loaded: bool) -> Iterator[str]:
    if not is_loaded or not comparison.differences:
        return
    if not comparison.obstacles:
        yield "it loads: types are converted, and what counts batches starts at 0"
        return
    paths = dict.fromkeys(d.name.rpartition(".")[0] or d.name for d in comparison.obstacles)
    if comparison.matching and len(paths) <= FEW:
        yield f"{' '.join(f'--skip {path}' for path in paths)} loads the rest"
