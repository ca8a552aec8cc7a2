"""`archdsl report flops --on DEVICE`: the least time of each layer, and what it waits for."""

from __future__ import annotations

from archdsl.analyses.roofline import DEVICES, Bound, Precision, roofline
from archdsl.reports.layers import path_cell, summary_cell
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
    seconds = sum(b.seconds * b.layer.times for b in bounds)
    rows = tuple(_row(b, seconds) for b in bounds)
    waiting = sum(b.seconds * b.layer.times for b in bounds if b.by == "memory")
    flops = sum(b.flops * b.layer.times for b in bounds)
    moved = sum(b.bytes * b.layer.times for b in bounds)
    total = row("total", None, flops, moved, *_rest(flops, moved, seconds))
    notes = (
        f"{100 * waiting / seconds:.0f}% of the time waits for memory" if seconds else "",
        f"{found.name}: {short(int(found.flops[precision]))} FLOP/s in {precision}, {short(int(found.bandwidth))} B/s",
        f"a bound, not a forecast: no caches, no fusion, kernels at their peak ({found.source})",
    )
    head = (Piece("roofline", "title"), Piece(f"   N = {subject.facts.batch}, forward", "dim"))
    lines = tuple((Piece(note, "dim"),) for note in notes if note)
    return Table("roofline", COLUMNS, rows, (total._replace(style="total"),), head, lines)


def _rest(flops: int, moved: int, seconds: float) -> tuple[Cell, ...]:
    intensity = flops / moved if moved else 0.0
    return _number(intensity, f"{intensity:.1f}"), _time(seconds), Cell(1.0), Cell(None)


def _row(bound: Bound, seconds: float) -> Row:
    style, times = "" if bound.by == "arithmetic" else "warning", bound.layer.times
    return row(
        path_cell(bound.layer.path, times),
        summary_cell(bound.layer.op),
        Cell(bound.flops * times) if bound.flops else Cell(0, ()),
        bound.bytes * times,
        _number(bound.intensity, f"{bound.intensity:.1f}") if bound.flops else Cell(0.0, ()),
        _time(bound.seconds * times),
        bound.seconds * times / seconds,
        text(bound.by, style),
    )


def _number(value: float, shown: str) -> Cell:
    return Cell(value, (Piece(shown),))


def _time(seconds: float) -> Cell:
    micro = seconds * 1e6
    return _number(micro, f"{micro:.2f} us" if micro < 1e3 else f"{micro / 1e3:.2f} ms")
