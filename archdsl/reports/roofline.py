"""`archdsl report flops --on DEVICE`: the least time of each layer, and what it waits for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from archdsl.analyses.roofline import Bound, RooflineFacts
from archdsl.ir import TooManyOperators
from archdsl.reports.layers import LAYER, layer_row, see_more
from archdsl.reports.numbers import exact, percent
from archdsl.reports.options import Options
from archdsl.reports.outline import Entry, outline, owner
from archdsl.reports.subject import Subject
from archdsl.reports.table import Cell, Column, Row, Table, natural, row, text
from archdsl.source import short
from archdsl.source.styled import Piece

PHASES = {"forward": "forward", "again": "run again", "backward": "backward", "optimizer": "optimizer's step"}
COLUMNS = (
    *LAYER,
    Column("flops", "FLOPs", "short"),
    Column("bytes", "moved", "bytes"),
    Column("intensity", "FLOPs/B", "number", optional=True),
    Column("microseconds", "at least", "number"),
    Column("share", "share", "share", optional=True),
    Column("by", "waits for"),
)


def roofline_table(subject: Subject, facts: RooflineFacts, options: Options) -> Table:
    """The rows of other reports, each with the least time of its layers.

    Raises:
        TooManyOperators: a row has some calls of a block that is listed once, and not all.
    """
    phases, step = facts.phases, subject.training
    found = outline(subject, options, training=step is not None)
    entries = [e for e in found if not (options.is_flat and e.is_opened)]
    row_of = owner(entries)
    bounds: dict[str, list[Bound]] = defaultdict(list)
    for bound in facts.bounds:
        bounds[row_of(bound.layer.path)].append(bound)
    if not subject.facts.is_listed and any(e.is_closed_scope and e.path not in bounds for e in entries):
        raise TooManyOperators(
            "a block is listed once for all its calls, and these stand in several rows: open fewer levels"
        )
    seconds = facts.seconds
    rows = [_row(entry, bounds.pop(entry.path, []), seconds) for entry in entries]
    total = row("total", None, *_figures(facts.bounds, seconds), style="total")
    at = facts.device
    notes = [
        f"{short(int(at.flops[facts.precision]))} FLOP/s in {facts.precision}, {short(int(at.bandwidth))} B/s: {at.name}",
        f"a bound, not a forecast: no caches, no fusion, kernels at their peak ({at.source})",
    ]
    what = "forward"
    if step is not None:
        passes = step.settings.accumulate
        what = f"a training step of {exact(passes)} passes" if passes > 1 else "a training step"
        each = natural([f"{PHASES[phase]} {_micro(taken)}" for phase, taken in phases.items()])
        notes.insert(0, f"at least {each}")
    operators = subject.facts.operators if step is None else sum(la.times for la in subject.facts.training_flat.layers)
    head = (Piece("roofline", "title"), Piece(f"   N = {facts.batch}, {what}", "dim"))
    lines = (*((Piece(note, "dim"),) for note in notes), *see_more(entries, options, operators))
    return Table("roofline", COLUMNS, tuple(filter(None, rows)), (total,), head, lines)


def _row(entry: Entry, bounds: Sequence[Bound], total: float) -> Row | None:
    """None for what takes no time."""
    if entry.is_opened:
        return layer_row(entry, *[Cell(None)] * 6)
    return layer_row(entry, *_figures(bounds, total)) if bounds else None


def _figures(bounds: Sequence[Bound], total: float) -> tuple[Cell, ...]:
    """Of some bounds, with their share of all seconds."""
    flops, moved = (sum(getattr(b, name) * b.layer.times for b in bounds) for name in ("flops", "bytes"))
    seconds = sum(b.seconds * b.layer.times for b in bounds)
    waiting = sum(b.seconds * b.layer.times for b in bounds if b.by == "memory")
    intensity = flops / moved if moved else 0.0
    return (
        Cell(flops, None if flops else ()),
        Cell(moved),
        Cell(intensity, None if flops else ()),
        _time(seconds),
        Cell(seconds / total if total else None),
        _by(waiting / seconds if seconds else 0.0),
    )


def _by(memory: float) -> Cell:
    """What layers wait for, and for which share of their time it is memory."""
    if memory in (0.0, 1.0):
        return text("memory", "warning") if memory else text("arithmetic")
    return text(f"{percent(memory)} memory", "warning" if memory > 0.5 else "")


def _time(seconds: float) -> Cell:
    return Cell(seconds * 1e6, (Piece(_micro(seconds)),))


def _micro(seconds: float) -> str:
    micro = seconds * 1e6
    return f"{micro:.2f} us" if micro < 1e3 else f"{micro / 1e3:.2f} ms"
