"""Diagnostics as data: what is wrong, where, and how to mend it.

A `Kind` is declared once, beside the code that reports it; its code is its name in words.
Wording into terminal text is `render.py`'s work alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from archdsl.source.text import Span

LENGTHS_APART = 4
CANDIDATES = 500
"""How many names are compared: a hint is not worth a second."""
MOST_NAMES = 5_000
"""Among more names nothing is looked for."""

Severity = Literal["error", "warning", "info"]


class Kind(NamedTuple):
    """One kind of diagnostic: its code, how grave it is, and its page for `archdsl explain`."""

    code: str
    severity: Severity
    page: str


class Label(NamedTuple):
    """A span with the words that stand beside its underline."""

    span: Span
    text: str = ""


class Frame(NamedTuple):
    """One step of the chain of calls that led to an error."""

    text: str
    location: str = ""
    note: str = ""


class Edit(NamedTuple):
    """A replacement that mends the spec, safe to apply as it stands."""

    span: Span
    replacement: str


class Diagnostic(NamedTuple):
    """One finding. `primary` is where it is; `labels` are the other places that explain it."""

    kind: Kind
    message: str
    primary: Label | None = None
    labels: tuple[Label, ...] = ()
    frames: tuple[Frame, ...] = ()
    notes: tuple[str, ...] = ()
    helps: tuple[str, ...] = ()
    source: str | None = None
    edit: Edit | None = None
    file: str | None = None
    """The path of a file without text to point into."""

    @property
    def code(self) -> str:
        return self.kind.code

    @property
    def severity(self) -> Severity:
        return self.kind.severity

    @property
    def sort_key(self) -> tuple[str, int, int, str]:
        if self.primary is None:
            return (self.file or "", 0, 0, self.kind.code)
        span = self.primary.span
        return (span.source.path, span.start, span.end, self.kind.code)


def once(found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Each warning or hint once at its place, and each error once for what it says there."""
    kept: dict[tuple[object, ...], Diagnostic] = {}
    for diagnostic in found:
        code, place = diagnostic.code, diagnostic.primary
        if place is None or diagnostic.severity == "error":
            kept.setdefault((code, place, diagnostic.message), diagnostic)
        else:
            kept.setdefault((code, place.span), diagnostic)
    return list(kept.values())


def same(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate that `name` is, or the only one that differs from it in case alone; else None."""
    names = set(candidates)
    alike = [name] if name in names else [c for c in names if c.casefold() == name.casefold()]
    return alike[0] if len(alike) == 1 else None


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate a person most likely meant by `name`, or None: one that is spelt alike, or that `name` begins with."""
    from difflib import get_close_matches

    names = set(candidates)
    if len(names) > MOST_NAMES:
        return None
    folded = name.casefold()
    alike = sorted(c for c in names if abs(len(c) - len(name)) <= LENGTHS_APART)[:CANDIDATES]
    for spelt, by_spelling in ((name, {c: c for c in alike}), (folded, {c.casefold(): c for c in alike})):
        if close := get_close_matches(spelt, by_spelling, n=1, cutoff=0.7):
            return by_spelling[close[0]]
    return max((c for c in names if len(c) >= 3 and folded.startswith(c)), key=len, default=None)


def first_line(error: Exception) -> str:
    """The first line of what an exception says; its type where it says nothing."""
    return next(iter(str(error).splitlines()), type(error).__name__)
