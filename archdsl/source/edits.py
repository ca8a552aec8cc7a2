"""Edits that mend a spec, applied to its text."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable

from archdsl.source.diagnostic import Edit

_LINE_END = re.compile("\r\n?")


def as_read(raw: str) -> str:
    """The text of a file as specs are read: without a byte order mark, lines ended by a newline."""
    return _LINE_END.sub("\n", raw.removeprefix("\ufeff"))


def compatible(edits: Iterable[Edit]) -> list[Edit]:
    """The edits in the order of the text, each once, without those that overlap an earlier one."""
    kept: list[Edit] = []
    for edit in sorted(set(edits), key=lambda e: (e.span.start, e.span.end, e.replacement)):
        last = kept[-1].span if kept else None
        if last is None or (edit.span.start >= last.end and edit.span.start > last.start):
            kept.append(edit)
    return kept


def applied(raw: str, edits: Iterable[Edit]) -> str:
    """The text of a file after edits that do not overlap, whose spans count as in `as_read`; all else stays as it is."""
    mark = "\ufeff" if raw.startswith("\ufeff") else ""
    raw = raw.removeprefix(mark)
    ends = [found.start() - index for index, found in enumerate(re.finditer("\r\n", raw))]
    pieces: list[str] = []
    at = 0
    for edit in edits:
        start, end = (place + bisect_left(ends, place) for place in (edit.span.start, edit.span.end))
        pieces += [raw[at:start], edit.replacement]
        at = end
    return mark + "".join(pieces) + raw[at:]


def words(edit: Edit) -> str:
    """What an edit does."""
    old, new = edit.span.text.strip(), edit.replacement.strip()
    if old and new:
        return f"`{old}` becomes `{new}`"
    return f"`{old}` is taken out" if old else f"`{new}` is put in"
