"""`archdsl report flops --on DEVICE`: the least time of each layer, and what it waits for."""

from __future__ import annotations

from collections.abc import Sequence

from archdsl.analyses.roofline import DEVICES, Bound, Precision, roofline
from archdsl.reports.layers import summary_cell
from archdsl.reports.subject import Subject
from archdsl.reports.table import Cell, Column, Row, Table, row, text
from archdsl.source import short
from archdsl.source.styled import Piece

COLUMNS = (
    Column("layer", "layer"),
    Column("operation", "", wraps=True),
    Column("flops", "FLOPs", "short"),
    Column("bytes", "moved", "bytes"),
    Column("intensity", "FLOPs/B", "number"),
    Column("microseconds", "at least", "number"),
    Column("share", "share", "share"),
    Column("by", "waits for"),
)


def table(subject: Subject, device: str, precision: Precision) -> Table:
    """A row for each layer. Raises `ValueError` for a precision that the device has no figure for."""
    found = DEVICES[device]
    if precision not in found.flops:
        raise ValueError(f"{found.name} states no peak for {precision}; it has {', '.join(found.flops)}")
    bounds = roofline(subject.facts.flat, found, precision, subject.facts.batch)
    seconds = sum(b.seconds for b in bounds)
    rows = tuple(_row(b, seconds) for b in bounds)
    waiting = sum(b.seconds for b in bounds if b.by == "memory")
    total = row("total", None, sum(b.flops for b in bounds), sum(b.bytes for b in bounds), *_rest(bounds, seconds))
    notes = (
        f"{100 * waiting / seconds:.0f}% of the time waits for memory" if seconds else "",
        f"{found.name}: {short(int(found.flops[precision]))} FLOP/s in {precision}, {short(int(found.bandwidth))} B/s",
        f"a bound, not a forecast: no caches, no fusion, kernels at their peak ({found.source})",
    )
    head = (Piece("roofline", "title"), Piece(f"   N = {subject.facts.batch}, forward", "dim"))
    lines = tuple((Piece(note, "dim"),) for note in notes if note)
    return Table("roofline", COLUMNS, rows, (total._replace(style="total"),), head, lines)


def _rest(bounds: Sequence[Bound], seconds: float) -> tuple[Cell, ...]:
    moved = sum(b.bytes for b in bounds)
    intensity = sum(b.flops for b in bounds) / moved if moved else 0.0
    return _number(intensity, f"{intensity:.1f}"), _time(seconds), Cell(1.0), Cell(None)


def _row(bound: Bound, seconds: float) -> Row:
    style = "" if bound.by == "arithmetic" else "warning"
    return row(
        bound.layer.path,
        summary_cell(bound.layer.op),
        Cell(bound.flops) if bound.flops else Cell(0, ()),
        bound.bytes,
        _number(bound.intensity, f"{bound.intensity:.1f}") if bound.flops else Cell(0.0, ()),
        _time(bound.seconds),
        bound.seconds / seconds,
        text(bound.by, style),
    )


def _number(value: float, shown: str) -> Cell:
    return Cell(value, (Piece(shown),))


def _time(seconds: float) -> Cell:
    micro = seconds * 1e6
    return _number(micro, f"{micro:.2f} us" if micro < 1e3 else f"{micro / 1e3:.2f} ms")
