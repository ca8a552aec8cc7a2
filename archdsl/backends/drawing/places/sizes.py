"""How large things are, in points: columns of cards, pills, bars and headings, from the widths of their texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import ceil
from typing import NamedTuple

from archdsl.backends.drawing.content.model import Bar, Card, Group, Merge, Parallel, Row, Stairs, Step, Terminal, Word
from archdsl.backends.drawing.places.metrics import fitted, room

TITLE, HEADING, SUBTITLE, TEXT, SMALL, TINY = 16, 11, 10, 10, 9, 8
"""Font sizes. Some builds of Graphviz know whole ones only."""

ROW = 18
STRIP = 5
METER = 38
"""A full bar of MACs."""
BAR_CAPTION = 17
PAD = 10
"""Inside an outline."""
HEADER = 300
"""The longest title, call or note of an outline."""
CELL = 8
"""What a cell takes beside its text: padding, and the blank that keeps text at one height in all builds of Graphviz."""


class Columns(NamedTuple):
    """Widths of the cells of a row after its strip, which are alike in all cards of a picture."""

    name: int
    text: int
    words: int
    glyph: int
    output: int
    params: int
    meter: int

    @property
    def total(self) -> int:
        return STRIP + sum(self)

    @property
    def heading(self) -> int:
        """Room for the heading of a card whose columns are headed too."""
        return STRIP + self.name + self.text + self.words + self.glyph


def columns(rows: list[Row]) -> Columns:
    """The columns that fit all rows of a picture's body, none that would be empty; hostile names are cut."""
    captions = ceil(max((room(r.text, SMALL) for r in rows if r.caption), default=0))
    found = _columns([r for r in rows if not r.caption])
    more = min(captions, 300) + CELL - found.total + STRIP
    return found._replace(words=found.words + more) if captions and more > 0 else found


def _columns(rows: list[Row]) -> Columns:
    return Columns(
        _column((room(r.name, SMALL) for r in rows), 18, 130),
        _column((room(r.text, TEXT, True) for r in rows), 60, 230),
        _column((words_width(r.words) for r in rows), 0, 200),
        max((r.glyph[0] + 6 for r in rows if r.glyph and r.is_change), default=0),
        _column((room(r.output, SMALL) for r in rows if r.is_change), 40, 160),
        _column((room(r.params, SMALL) for r in rows), 38, 60),
        METER + 8 if any(r.macs for r in rows) else 0,
    )


def _column(texts: Iterable[float], least: int, most: int) -> int:
    widest = ceil(max(texts, default=0))
    return max(least, min(widest + CELL, most)) if widest else 0


def compact(full: Columns) -> Columns:
    """The columns of cards that stand beside two or more others: without the tensors."""
    return full._replace(glyph=0, output=0)


def rows_of(steps: tuple[Step, ...]) -> Iterator[Row]:
    for step in steps:
        item = step.item
        if isinstance(item, Card):
            yield from item.rows
        elif isinstance(item, Group):
            yield from rows_of(item.body.steps)
        elif isinstance(item, Parallel):
            for arm in item.arms:
                yield from rows_of(arm.steps)
            if item.join is not None:
                yield from rows_of((Step(item.join, True),))


def joined(words: tuple[Word, ...]) -> list[Word]:
    """Words with the dots between them."""
    return [w if not i else w._replace(text=f"\N{NO-BREAK SPACE}· {w.text}") for i, w in enumerate(words)]


def words_width(words: tuple[Word, ...]) -> float:
    return sum(room(w.text, SMALL) for w in joined(words))


def card_height(card: Card, is_headed: bool) -> int:
    return 2 + ROW * (len(card.rows) + bool(card.heading or is_headed))


def merge_width(merge: Merge) -> int:
    return ceil(room(merge.text, HEADING, True) + words_width(merge.words)) + (26 if merge.words else 22)


def terminal_width(terminal: Terminal) -> int:
    if terminal.glyph is None:
        return ceil(room(f"{terminal.name}  {terminal.output}", SMALL)) + 8
    name = min(room(terminal.name, TEXT, True), 230)
    return ceil(name + room(terminal.output, SMALL)) + terminal.glyph[0] + 38


class StairColumns(NamedTuple):
    """Widths of the cells of a row of stairs; the channels of all of them take `state`."""

    name: int
    reads: int
    state: int
    total: int


STAIRS = 220
"""The last state of stairs."""


def stair_columns(stairs: Stairs) -> StairColumns:
    name = _column((room(text, SMALL) for text in ("layer", *(s.name for s in stairs.layers))), 30, 130)
    figures = [str(s.reads + s.adds) for s in stairs.layers]
    figure = _column((room(text, SMALL) for text in ("reads", "state", *figures)), 30, 80)
    return StairColumns(name, figure, STAIRS + 2 * CELL, figure)


class StairRow(NamedTuple):
    """The cells of a row of stairs: words, or the bar of a layer, which is told by its number."""

    name: str = ""
    reads: str = ""
    state: str | int = ""
    total: str = ""


def stair_rows(stairs: Stairs) -> list[StairRow]:
    """The rows of stairs, that of the heads and that of the layers left out among them."""
    rows = [StairRow(s.name, str(s.reads), i, str(s.reads + s.adds)) for i, s in enumerate(stairs.layers)]
    if stairs.left_out:
        rows.insert(-2, StairRow(state=f"{stairs.left_out:_} layers more"))
    return [StairRow("layer", "reads", "the state it reads, and what it adds", "state"), *rows]


def stair_scale(stairs: Stairs) -> float:
    """The width of a channel in a bar."""
    last = stairs.layers[-1]
    return STAIRS / (last.reads + last.adds)


def part_widths(bar: Bar) -> list[int]:
    """The parts in proportion, those of few parts wide enough for their figures."""
    whole = max(100, min(40 * len(bar.parts), 200))
    total = max(sum(bar.parts), 1)
    labelled = len(bar.parts) <= 8
    least = [ceil(room(text, SMALL, True)) + 8 if labelled else 4 for text in bar.labels]
    return [max(round(whole * p / total), low) for p, low in zip(bar.parts, least, strict=True)]


def bar_width(bar: Bar) -> int:
    return max(sum(part_widths(bar)), ceil(caption_width(bar)))


def caption_width(bar: Bar) -> float:
    words = words_width(bar.words) + 6 if bar.words else 0
    return room(bar.text, TEXT, True) + room(bar.output, SMALL) + words + 16


def bar_centres(bar: Bar) -> list[float]:
    """The middles of the parts, counted from the middle of the bar."""
    widths = part_widths(bar)
    left = -sum(widths) / 2
    return [left + sum(widths[:i]) + w / 2 for i, w in enumerate(widths)]


def header_height(group: Group) -> int:
    return 40 if group.note else 28


class Header(NamedTuple):
    """The words at the head of an outline, cut to fit, and the widths of its two lines."""

    title: str
    call: str
    badge: str
    note: str
    width: int
    note_width: int


def header(group: Group) -> Header:
    title = fitted(group.title, HEADER, HEADING, True)
    call = fitted(f"  {group.call}", HEADER, SMALL) if group.call else ""
    badge = f" ×{group.repeat:_} " if group.repeat > 1 else ""
    note = fitted(group.note, HEADER, TINY)
    line = room(title, HEADING, True) + room(call, SMALL) + (room(badge, SMALL, True) + 6 if badge else 0)
    return Header(title, call, badge, note, ceil(line), ceil(room(note, TINY)))


def header_width(group: Group) -> int:
    """What the main line of an outline keeps clear of."""
    words = header(group)
    return max(words.width, words.note_width) + 8
