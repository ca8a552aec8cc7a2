"""Diagnostics -> styled lines: the text of the spec with labels under it, then notes, help and the chain of calls."""

from __future__ import annotations

from collections.abc import Iterable

from archdsl.source.diagnostic import Diagnostic, Frame, Label
from archdsl.source.styled import Line, Piece, width
from archdsl.source.text import Source

SHOWN_LIMIT = 20
LINE_WIDTH = 160
MESSAGE_WIDTH = 400
REMARK_WIDTH = 2_000
"""Of notes and help, which list names."""
BLOCK_LINES = 8
_STYLES = {"error": "error", "warning": "warning", "info": "info"}


class Mark:
    """An underline on one line: columns from 0, the text beside it, and whether it is the primary one."""

    __slots__ = ("end", "is_primary", "start", "text")

    def __init__(self, start: int, end: int, text: str, is_primary: bool) -> None:
        self.start = start
        self.end = max(end, start + 1)
        self.text = text
        self.is_primary = is_primary

    @property
    def style(self) -> str:
        return "error" if self.is_primary else "second"

    @property
    def glyphs(self) -> str:
        return ("^" if self.is_primary else "-") * (self.end - self.start)


def render(diagnostics: Iterable[Diagnostic], limit: int = SHOWN_LIMIT) -> list[Line]:
    """All diagnostics in the order of the text, at most `limit` of them, with a blank line between."""
    ordered = sorted(diagnostics, key=lambda d: d.sort_key)
    lines: list[Line] = []
    for diagnostic in ordered[:limit]:
        lines += [*render_one(diagnostic), []]
    if len(ordered) > limit:
        lines += [[Piece(f"... and {len(ordered) - limit} more", "dim")], []]
    return lines


def render_one(diagnostic: Diagnostic) -> list[Line]:
    """One diagnostic, which stands alone: code, sentence, place, text, labels, notes, help."""
    style = _STYLES[diagnostic.severity]
    lines: list[Line] = [
        [Piece(f"{diagnostic.severity}[{diagnostic.code}]", style), Piece(f": {_short(diagnostic.message)}", "strong")]
    ]
    gutter = 1
    if diagnostic.primary is not None:
        labels = [(diagnostic.primary, True), *((label, False) for label in diagnostic.labels)]
        gutter = max(len(str(label.span.source.position(label.span.end)[0])) for label, _ in labels) + 1
        lines += _excerpts(labels, gutter)
    pad = " " * (gutter + 1)
    lines += _frames(diagnostic.frames, pad)
    for word, texts in (("note", diagnostic.notes), ("help", diagnostic.helps)):
        for text in texts:
            lines += _remark(pad, word, text)
    if diagnostic.source:
        lines += _remark(pad, "source", diagnostic.source)
    return lines


def _short(text: str, most: int = MESSAGE_WIDTH) -> str:
    """A message with names of any length in it, as one line."""
    return visible(text if len(text) <= most else text[: most - 3] + "...")


def _remark(pad: str, word: str, text: str) -> list[Line]:
    style = {"help": "help", "note": "note"}.get(word, "dim")
    first, *rest = (_short(line, REMARK_WIDTH) for line in text.split("\n"))
    lines: list[Line] = [[Piece(f"{pad}= ", "gutter"), Piece(f"{word}: ", style), Piece(first)]]
    indent = " " * (len(pad) + 4 + len(word))
    return lines + [[Piece(indent + line)] for line in rest]


def _frames(frames: tuple[Frame, ...], pad: str) -> list[Line]:
    if not frames:
        return []
    texts = max(width(_short(f.text)) for f in frames) + 3
    places = max(width(f.location) for f in frames) + 3
    lines: list[Line] = []
    for number, frame in enumerate(frames):
        head = [Piece(f"{pad}= ", "gutter"), Piece("in: ", "note")] if number == 0 else [Piece(pad + " " * 6)]
        text = _short(frame.text)
        lines.append(
            [
                *head,
                Piece(text + " " * (texts - width(text))),
                Piece(frame.location + " " * (places - width(frame.location)), "dim"),
                Piece(frame.note, "dim"),
            ]
        )
    return lines


def _excerpts(labels: list[tuple[Label, bool]], gutter: int) -> list[Line]:
    """The excerpt with the primary label first, then those of other files."""
    lines: list[Line] = []
    for source in dict.fromkeys(label.span.source for label, _ in labels):
        here = [(label, primary) for label, primary in labels if label.span.source is source]
        place = next((label for label, primary in here if primary), here[0][0])
        lines.append([Piece(" " * gutter + "--> ", "gutter"), Piece(place.span.location)])
        if source.text:
            lines.append([Piece(" " * gutter + " |", "gutter")])
            lines += _excerpt(source, here, gutter)
    return lines


def _excerpt(source: Source, labels: list[tuple[Label, bool]], gutter: int) -> list[Line]:
    marks: dict[int, list[Mark]] = {}
    shown: set[int] = set()
    for label, is_primary in labels:
        first, last, mark = _mark(source, label, is_primary)
        marks.setdefault(last, []).append(mark)
        shown.update(range(first, last + 1) if last - first < BLOCK_LINES else (first, last))
    lines: list[Line] = []
    previous = None
    for number in sorted(shown):
        if previous is not None and number > previous + 1:
            lines.append([Piece("..." if number > previous + 2 else " " * gutter + " |", "gutter")])
            if number == previous + 2:
                lines[-1] = _text_line(source, number - 1, gutter, 0)
        offset = _crop(source.line(number), marks.get(number, []))
        lines.append(_text_line(source, number, gutter, offset))
        lines += _underlines(source.line(number), marks.get(number, []), gutter, offset)
        previous = number
    return lines


def _mark(source: Source, label: Label, is_primary: bool) -> tuple[int, int, Mark]:
    """First and last line of a label, and its mark on the last; of several lines the last one's text is underlined."""
    first, column, last, end = label.span.positions
    if last > first and end == 1:
        last -= 1
        end = len(source.line(last)) + 1
    if last == first:
        return first, last, Mark(column - 1, end - 1, label.text, is_primary)
    text = source.line(last)
    return first, last, Mark(len(text) - len(text.lstrip()), end - 1, label.text, is_primary)


def _crop(text: str, marks: list[Mark]) -> int:
    """How many characters of a very long line are left out at its beginning."""
    if len(text) <= LINE_WIDTH or not marks:
        return 0
    start = min(mark.start for mark in marks)
    return max(0, start - LINE_WIDTH // 2)


def _text_line(source: Source, number: int, gutter: int, offset: int) -> Line:
    text = source.line(number)
    cut = text[offset : offset + LINE_WIDTH]
    shown = ("..." if offset else "") + visible(cut) + ("..." if len(text) > offset + LINE_WIDTH else "")
    return [Piece(f"{number:>{gutter}} | ", "gutter"), Piece(shown)]


def _underlines(text: str, marks: list[Mark], gutter: int, offset: int) -> list[Line]:
    """The rows under a line: all marks with the last one's text, then the other texts, each below its mark."""
    if not marks:
        return []
    ordered = sorted(marks, key=lambda m: m.start)
    bar = Piece(" " * gutter + " | ", "gutter")
    shift = 3 if offset else 0

    def column(index: int) -> int:
        return shift + width(visible(text[offset : min(index, offset + LINE_WIDTH)]))

    lines: list[Line] = []
    row: Line = [bar]
    at = 0
    for mark in ordered:
        start = column(mark.start)
        if start < at:
            continue
        stop = max(column(mark.end), start + 1)
        row += [Piece(" " * (start - at)), Piece(mark.glyphs[:1] * (stop - start), mark.style)]
        at = stop
    last = ordered[-1]
    row.append(Piece(f" {_short(last.text)}" if last.text else "", last.style))
    lines.append(row)
    waiting = [mark for mark in ordered[:-1] if mark.text]
    if waiting:
        lines.append(_connectors(bar, [(column(m.start), m.style) for m in waiting]))
    while waiting:
        mark = waiting.pop()
        row = _connectors(bar, [(column(m.start), m.style) for m in waiting])
        used = sum(len(p.text) for p in row[1:])
        row += [Piece(" " * (column(mark.start) - used)), Piece(_short(mark.text), mark.style)]
        lines.append(row)
    return lines


def _connectors(bar: Piece, columns: list[tuple[int, str]]) -> Line:
    row: Line = [bar]
    at = 0
    for column, style in columns:
        row += [Piece(" " * (column - at)), Piece("|", style)]
        at = column + 1
    return row


def visible(text: str) -> str:
    """Text that cannot move the cursor or turn the direction of writing: tabs become blanks, other controls a dot."""
    if text.isascii() and text.isprintable():
        return text
    return "".join("    " if c == "\t" else c if c.isprintable() else "\u00b7" for c in text)
