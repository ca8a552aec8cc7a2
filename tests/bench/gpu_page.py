"""The page that `make gpu-check` writes: what was predicted, what was measured, and which bars are met."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from statistics import median
from typing import NamedTuple

from archdsl.analyses.memory import Band, Taken

LARGE = 32
"""Batches from here on have a promise of their own."""


class Case(NamedTuple):
    """One step to measure."""

    name: str
    batch: int
    precision: str
    optimizer: str
    expandable: bool


class Line(NamedTuple):
    """What was predicted of a step and what was measured."""

    case: Case
    model: Taken
    """Of the allocator as it was run: tensors, and what cuBLAS keeps."""
    allocated: Band
    reserved: Band
    measured: Taken | None
    """None where memory ran out."""

    def off(self, what: str) -> float:
        """By how much the model is off, as a share of what was measured; above 0 it said too much."""
        real: int = getattr(self.measured, what)
        return (getattr(self.model, what) - real) / real

    @property
    def is_under(self) -> bool:
        """Whether more was reserved than the band allows: a fit called certain would have failed."""
        return self.measured is None or self.measured.reserved > self.reserved.most

    @property
    def is_inside(self) -> bool:
        return self.measured is not None and self.allocated.least <= self.measured.allocated <= self.allocated.most

    def text(self) -> str:
        return json.dumps([*self])

    @classmethod
    def read(cls, text: str) -> Line:
        case, model, allocated, reserved, measured = json.loads(text)
        real = None if measured is None else Taken(*measured)
        return cls(Case(*case), Taken(*model), Band(*allocated), Band(*reserved), real)


class Bar(NamedTuple):
    """How far off a figure may be."""

    what: str
    share: float
    expandable: bool | None = None
    """Of one kind of segments, or of both."""
    least: int = 1
    """The smallest batch."""
    is_worst: bool = False
    """Of the worst measurement, not of the median."""


BARS = (
    Bar("requested", 0.005, is_worst=True),
    Bar("allocated", 0.01, least=LARGE),
    Bar("allocated", 0.03, least=LARGE, is_worst=True),
    Bar("reserved", 0.05, expandable=True, least=LARGE),
    Bar("reserved", 0.10, expandable=False, least=LARGE),
)


def page_of(found: Sequence[Line], where: str, cublas: Sequence[int]) -> str:
    """The page with all lines, and at its head how good the predictions were."""
    title = "# Predicted and measured memory of a GPU"
    kept = " and ".join(f"{size:_}" for size in cublas)
    about = f"{where}. Written by `make gpu-check`. cuBLAS keeps {kept} bytes, which the predictions count in."
    rows = map(row, sorted(found, key=lambda line: line.case))
    return "\n".join([title, "", about, "", *summary(found), "", *TABLE, *rows, ""])


TABLE = (
    "| network | N | precision | optimizer | segments | requested | allocated | reserved | allocated in band |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
)


def row(line: Line) -> str:
    case, real = line.case, line.measured
    figures = [f"{getattr(real, what):_} ({line.off(what):+.1%})" if real else "none left" for what in Taken._fields]
    segments = "expandable" if case.expandable else "native"
    cells = (case.name, str(case.batch), case.precision, case.optimizer, segments, *figures)
    return f"| {' | '.join(cells)} | {'yes' if line.is_inside else 'no'} |"


def summary(found: Sequence[Line]) -> Iterator[str]:
    """How far off the predictions are, what lies over the band, and each bar: met, missed, or not measured."""
    for expandable, words in ((False, "native segments"), (True, "expandable segments")):
        for least, batches in ((1, "all batches"), (LARGE, f"batches from {LARGE} on")):
            chosen = [n for n in found if n.case.expandable == expandable and n.case.batch >= least and n.measured]
            for what in Taken._fields if chosen else ():
                off = [line.off(what) for line in chosen]
                under = sum(share < 0 for share in off)
                sizes = [*map(abs, off)]
                share = f"median {median(sizes):.2%} off, at the worst {max(sizes):.2%}"
                yield f"- {words}, {batches}: {what}, {share}, of {len(chosen)}; {under} predicted too low"
    yield from (f"- {verdict(bar, found)}" for bar in BARS)
    small = [line for line in found if line.case.batch < LARGE]
    yield f"- batches below {LARGE} with allocated inside the band: {sum(n.is_inside for n in small)} of {len(small)}"
    yield f"- allocated inside the band: {sum(line.is_inside for line in found)} of {len(found)}"
    over = sum(line.is_under for line in found)
    yield f"- reserved more than the band allows: {over} of {len(found)}: the bar of none is {_word(not over)}"


def verdict(bar: Bar, found: Sequence[Line]) -> str:
    """A bar, and whether it is met."""
    chosen = [
        abs(line.off(bar.what))
        for line in found
        if line.measured and line.case.batch >= bar.least and bar.expandable in (None, line.case.expandable)
    ]
    kind = "" if bar.expandable is None else ", expandable segments" if bar.expandable else ", native segments"
    batches = f", batches from {bar.least} on" if bar.least > 1 else ""
    text = (
        f"{bar.what} at most {bar.share:.1%} off {'at the worst' if bar.is_worst else 'at the median'}{batches}{kind}"
    )
    if not chosen:
        return f"{text}: not measured"
    share = max(chosen) if bar.is_worst else median(chosen)
    return f"{text}: {_word(share <= bar.share)}, {share:.2%}"


def _word(is_met: bool) -> str:
    return "met" if is_met else "missed"
