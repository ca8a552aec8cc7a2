"""Definitions of one block that differ only in figures -> one definition in the block's own parameters.

The graph holds instances, with their arguments. A figure that is the same in all stays; one that differs is written as
the parameter or the size of the input that it equals in every instance, times or divided by a number, or as a sum of
two such. What none of these explain is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

from archdsl.backends.graphviz.model import Arm, Bar, Body, Card, Group, Item, Merge, Parallel, Row, Step, Terminal
from archdsl.ir import Module

AXES = {1: ("C",), 2: ("C", "L"), 3: ("C", "H", "W"), 4: ("C", "D", "H", "W")}
"""Names of the sizes of a block's input."""

_NUMBER = re.compile(r"\d+")


def form(body: Body) -> tuple[object, ...]:
    """What two bodies share if they differ in figures alone."""
    return tuple((_item_form(s.item), s.follows) for s in body.steps), len(body.lanes)


def _item_form(item: Item) -> object:
    if isinstance(item, Card):
        return tuple((r.name, r.kind, _NUMBER.sub("", r.text), tuple(w.kind for w in r.words)) for r in item.rows)
    if isinstance(item, Group):
        return item.path.rpartition(".")[2], form(item.body)
    if isinstance(item, Parallel):
        arms = tuple((form(Body(arm.steps)), arm.enters, arm.feeds) for arm in item.arms)
        return arms, item.join and _item_form(item.join)
    if isinstance(item, Bar):
        return item.text, len(item.parts)
    return item.text if isinstance(item, Merge) else item.name


def names(modules: Sequence[Module]) -> list[str]:
    """The parameters whose arguments differ between instances of a block."""
    arguments = [dict(m.arguments) for m in modules]
    return [name for name in arguments[0] if len({a.get(name) for a in arguments}) > 1]


class Generaliser:
    """Writes bodies of one form as one; `modules` are the instances that they show, in the same order."""

    def __init__(self, modules: Sequence[Module]) -> None:
        environments = [dict(_environment(m)) for m in modules]
        known = [n for n in environments[0] if all(n in e for e in environments)]
        self.columns = {n: tuple(e[n] for e in environments) for n in known}

    def body(self, bodies: Sequence[Body]) -> Body:
        return bodies[0]._replace(steps=self._steps([b.steps for b in bodies]))

    def _steps(self, sequences: Sequence[tuple[Step, ...]]) -> tuple[Step, ...]:
        columns = zip(*sequences, strict=True)
        return tuple(steps[0]._replace(item=self._item([s.item for s in steps])) for steps in columns)

    def _item(self, items: Sequence[Item]) -> Item:
        for kind, merge in self._merges:
            if isinstance(items[0], kind):
                return merge(self, items)
        return items[0]

    def _card(self, cards: Sequence[Card]) -> Card:
        rows = zip(*(c.rows for c in cards), strict=True)
        return cards[0]._replace(
            heading=self._text([c.heading for c in cards]),
            note=self._text([c.note for c in cards]),
            rows=tuple(self._row(r) for r in rows),
        )

    def _row(self, rows: Sequence[Row]) -> Row:
        words = zip(*(r.words for r in rows), strict=True)
        return rows[0]._replace(
            text=self._text([r.text for r in rows]),
            words=tuple(w[0]._replace(text=self._text([x.text for x in w])) for w in words),
            output=self._output([r.output for r in rows]),
            glyph=_same([r.glyph for r in rows]),
            params=_same([r.params for r in rows]) or "",
            macs=_same([r.macs for r in rows]) or 0,
        )

    def _terminal(self, terminals: Sequence[Terminal]) -> Terminal:
        return terminals[0]._replace(output=self._output([t.output for t in terminals]))

    def _bar(self, bars: Sequence[Bar]) -> Bar:
        labels = zip(*(b.labels for b in bars), strict=True)
        return bars[0]._replace(
            labels=tuple(self._text(list(texts)) for texts in labels), output=self._output([b.output for b in bars])
        )

    def _group(self, groups: Sequence[Group]) -> Group:
        return groups[0]._replace(
            call=self._text([g.call for g in groups]),
            note=_same([g.note for g in groups]) or "",
            body=self.body([g.body for g in groups]),
        )

    def _parallel(self, items: Sequence[Parallel]) -> Parallel:
        arms = zip(*(i.arms for i in items), strict=True)
        joins = [i.join for i in items]
        join = self._item(joins) if joins[0] is not None else None  # type: ignore[arg-type]
        return Parallel(tuple(self._arm(a) for a in arms), join)  # type: ignore[arg-type]

    def _arm(self, arms: Sequence[Arm]) -> Arm:
        return arms[0]._replace(steps=self._steps([a.steps for a in arms]))

    def _output(self, texts: Sequence[str]) -> str:
        """A shape; nothing where one of its sizes is not explained."""
        text = self._text(texts)
        return "" if "…" in text else text

    def _text(self, texts: Sequence[str]) -> str:
        """Texts that differ in numbers, with those that differ replaced; else the words before the first bracket."""
        if len(set(texts)) == 1:
            return texts[0]
        if len({_NUMBER.sub("#", t) for t in texts}) > 1:
            return f"{texts[0].partition('(')[0]}(…)" if "(" in texts[0] else "…"
        numbers = zip(*([int(n) for n in _NUMBER.findall(t)] for t in texts), strict=True)
        shown = iter([self._number(n) for n in numbers])
        return _NUMBER.sub(lambda _: next(shown), texts[0])

    def _number(self, values: tuple[int, ...]) -> str:
        if len(set(values)) == 1:
            return str(values[0])
        for name, column in self.columns.items():
            if (factor := _factor(values, column)) is not None:
                return name if factor == "1" else f"{factor}·{name}"
        for name, column in self.columns.items():
            if (factor := _factor(column, values)) is not None:
                return f"{name}/{factor}"
        for (a, first), (b, second) in combinations(self.columns.items(), 2):
            if all(v == x + y for v, x, y in zip(values, first, second, strict=True)):
                return f"{a}+{b}"
        return "…"

    _merges: tuple[tuple[type, Callable[..., Item]], ...] = (
        (Card, _card),
        (Terminal, _terminal),
        (Bar, _bar),
        (Group, _group),
        (Parallel, _parallel),
    )


def _factor(values: tuple[int, ...], column: tuple[int, ...]) -> str | None:
    """The whole number that `column` is multiplied by to give `values`."""
    if not all(column) or values[0] % column[0]:
        return None
    factor = values[0] // column[0]
    return str(factor) if all(v == factor * c for v, c in zip(values, column, strict=True)) else None


def _environment(module: Module) -> Iterator[tuple[str, int]]:
    for name, text in module.arguments:
        if text.isdecimal():
            yield name, int(text)
    shape = module.inputs[0].type.shape if module.inputs else ()
    for name, size in zip(AXES.get(len(shape), ()), shape, strict=False):
        yield name, size


def _same(values: Sequence[object]) -> object:
    return values[0] if len(set(values)) == 1 else None
