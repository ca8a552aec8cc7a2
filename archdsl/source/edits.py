"""Edits that mend a spec, applied to its text."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable

from archdsl.source.diagnostic import Edit

COMPARED = 5_000
"""Lines of a file that are compared one by one, which takes the square of their number; a longer file is replaced whole."""

_LINE_END = re.compile("\r\n?")


def as_read(raw: str) -> str:
    """The text of a file as specs are read: without a byte order mark, lines ended by a newline."""
    return _LINE_END.sub("\n", raw.removeprefix("\ufeff"))


def with_ends_of(raw: str, text: str) -> str:
    """A text with the line ends that the first line of a file has."""
    first = re.search("\r\n?|\n", raw)
    return text.replace("\n", first.group()) if first is not None else text


def compatible(edits: Iterable[Edit]) -> list[Edit]:
    """The edits in the order of the text, each once, without those that overlap an earlier one."""
    kept: list[Edit] = []
    for edit in sorted(set(edits), key=lambda e: (e.span.start, e.span.end, e.replacement)):
        last = kept[-1].span if kept else None
        if last is None or (edit.span.start >= last.end and edit.span.start > last.start):
            kept.append(edit)
    return kept


def applied(raw: str, edits: Iterable[Edit]) -> str:
    """The text of a file after edits that do not overlap, whose spans count as in `as_read`; all else stays as it is.

    What is put in has its line ends.
    """
    mark = "\ufeff" if raw.startswith("\ufeff") else ""
    raw = raw.removeprefix(mark)
    ends = [found.start() - index for index, found in enumerate(re.finditer("\r\n", raw))]
    pieces: list[str] = []
    at = 0
    for edit in edits:
        start, end = (place + bisect_left(ends, place) for place in (edit.span.start, edit.span.end))
        pieces += [raw[at:start], with_ends_of(raw, edit.replacement)]
        at = end
    return mark + "".join(pieces) + raw[at:]


def patch(before: str, after: str, old: str, new: str) -> str:
    """A unified diff of two texts, as `patch` takes it; `old` and `new` are the names of the files."""
    from difflib import unified_diff

    counts = [text.count("\n") + (not text.endswith("\n")) if text else 0 for text in (before, after)]
    if max(counts) <= COMPARED:
        return "".join(map(_ended, unified_diff(_lines(before), _lines(after), old, new)))
    removed, added = (f"{min(1, count)},{count}" for count in counts)
    return f"--- {old}\n+++ {new}\n@@ -{removed} +{added} @@\n{_marked(before, '-')}{_marked(after, '+')}"


def _ended(change: str) -> str:
    return change if change.endswith("\n") else f"{change}\n\\ No newline at end of file\n"


def _marked(text: str, sign: str) -> str:
    """A text as lines of a diff."""
    end = "\n" if text.endswith("\n") else ""
    return _ended(sign + text.removesuffix(end).replace("\n", f"\n{sign}") + end) if text else ""


def _lines(text: str) -> list[str]:
    """Lines with their ends; `str.splitlines` knows more ends than a spec does."""
    *lines, last = text.split("\n")
    return [line + "\n" for line in lines] + ([last] if last else [])


def words(edit: Edit) -> str:
    """What an edit does."""
    old, new = edit.span.text.strip(), edit.replacement.strip()
    if old and new:
        return f"`{old}` becomes `{new}`"
    if not (old or new):
        blank = "a line break" if "\n" in edit.span.text + edit.replacement else "a blank"
        return f"{blank} is {'taken out' if len(edit.span.text) > len(edit.replacement) else 'put in'}"
    return f"`{old}` is taken out" if old else f"`{new}` is put in"
