"""Definitions of one block that differ only in figures -> one definition in the block's own parameters.

The graph holds instances, with their arguments. A figure that is the same in all stays; one that differs is written as
the parameter or the size of the input that it equals in every instance, times or divided by a number, or as the sum,
product or quotient of two such. What none of these explain is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import combinations
from typing import Literal

from archdsl.backends.drawing.content.model import (
    Arm,
    Bar,
    Body,
    Card,
    Group,
    Item,
    Merge,
    Parallel,
    Row,
    Step,
    Terminal,
    Word,
)
from archdsl.ir import Module

AXES = {1: ("C",), 2: ("C", "L"), 3: ("C", "H", "W"), 4: ("C", "D", "H", "W")}
"""Names of the sizes of a block's input."""

LONGEST_SUM = 24
"""Characters of a sum of channels that still goes into a shape."""

_NUMBER = re.compile(r"\d+")
_NAME = re.compile(r"(?<![\w.])[^\W\d]\w*")
_LIST = re.compile(r"\[[^\[\]]*\]")
_PLACE = "\0"
"""Stands for a window that goes by a name."""


_SIGNS = {"in.channels": "C", " * ": "·", "!=": "≠", "<=": "≤", ">=": "≥"}
"""How conditions are shown."""


def form(body: Body) -> tuple[object, ...]:
    """What two bodies share if they differ in figures and in the branches of an `if` alone."""
    ends = {anchor.key for lane in body.lanes for anchor in (lane.source, *lane.targets)}
    return tuple((_item_form(s.item, ends), s.follows) for s in body.steps), len(body.lanes)


def branches(body: Body) -> dict[object, object]:
    """The form of each arm of a body, by its place and the condition that it stands under."""
    return dict(_branches(body, ()))


def _branches(body: Body, place: tuple[int, ...]) -> Iterator[tuple[object, object]]:
    for index, step in enumerate(body.steps):
        if isinstance(step.item, Group):
            yield from _branches(step.item.body, (*place, index))
        for number, arm in enumerate(step.item.arms if isinstance(step.item, Parallel) else ()):
            inside, here = Body(arm.steps), (*place, index, number)
            yield (here, arm.condition), form(inside)
            yield from _branches(inside, here)


def _arm_form(arm: Arm, ends: Collection[int]) -> object:
    only = arm.steps[0].item if len(arm.steps) == 1 else None
    if not arm.steps or (arm.condition and isinstance(only, Card) and only.key not in ends):
        return "a branch"
    return tuple((_item_form(s.item, ends), s.follows) for s in arm.steps)


def _item_form(item: Item, ends: Collection[int]) -> object:
    if isinstance(item, Card):
        return tuple(
            (r.name, r.kind, _NUMBER.sub("", _LIST.sub("[]", r.text)), len(_stride(r.words)[1])) for r in item.rows
        )
    if isinstance(item, Group):
        return item.path.rpartition(".")[2], form(item.body)
    if isinstance(item, Parallel):
        arms = tuple((_arm_form(arm, ends), *arm[1:5]) for arm in item.arms)
        return arms, item.join and _item_form(item.join, ends)
    if isinstance(item, Bar):
        return item.text, len(item.parts)
    return item.name if isinstance(item, Terminal) else item.text if isinstance(item, Merge) else ""


class Generaliser:
    """Writes bodies of one form as one; `modules` are the instances that they show, in the same order."""

    def __init__(self, modules: Sequence[Module]) -> None:
        self.modules = modules
        environments = [dict(_environment(m)) for m in modules]
        known = [n for n in environments[0] if all(n in e for e in environments)]
        columns = {n: tuple(e[n] for e in environments) for n in known}
        self.columns = {n: values for n, values in columns.items() if len(set(values)) > 1}
        self.windows = list(_windows(modules))

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
        strides, words = zip(*(_stride(r.words) for r in rows), strict=True)
        stride = self._text([s or "↓1" for s in strides]) if any(strides) else ""
        return rows[0]._replace(
            text=self._text([r.text for r in rows]),
            words=(*words[0], *([Word(stride)] if stride else [])),
            output=self._output([r.output for r in rows]),
            glyph=rows[0].glyph if len({r.glyph for r in rows}) == 1 else None,
            is_change=any(r.is_change for r in rows),
            params=_same([r.params for r in rows]),
            macs=0,
            shade=None,
        )

    def _terminal(self, terminals: Sequence[Terminal]) -> Terminal:
        first, output = terminals[0], self._output([t.output for t in terminals])
        return first._replace(name=first.name or ("" if output else "out"), output=output)

    def _bar(self, bars: Sequence[Bar]) -> Bar:
        labels = tuple(self._text(list(texts)) for texts in zip(*(b.labels for b in bars), strict=True))
        total = "+".join(labels)
        if "…" not in total and len(total) <= LONGEST_SUM:
            self.columns.setdefault(f"({total})", tuple(sum(b.parts) for b in bars))
        return bars[0]._replace(labels=labels, output=self._output([b.output for b in bars]))

    def _group(self, groups: Sequence[Group]) -> Group:
        return groups[0]._replace(
            call=self._text([g.call for g in groups]),
            note=_same([g.note for g in groups]),
            body=self.body([g.body for g in groups]),
        )

    def _parallel(self, items: Sequence[Parallel]) -> Parallel:
        arms = zip(*(i.arms for i in items), strict=True)
        joins = [i.join for i in items]
        join = self._item(joins) if joins[0] is not None else None  # type: ignore[arg-type]
        return Parallel(tuple(self._arm(a) for a in arms), join)  # type: ignore[arg-type]

    def _arm(self, arms: Sequence[Arm]) -> Arm:
        forms: dict[object, list[int]] = {}
        for index, arm in enumerate(arms):
            forms.setdefault((arm.condition, form(Body(arm.steps))), []).append(index)
        if len(forms) == 1:
            return arms[0]._replace(steps=self._steps([a.steps for a in arms]))
        return self._branches(arms, sorted(forms.values(), key=lambda found: _is_last(arms[found[0]])))

    def _branches(self, arms: Sequence[Arm], found: Sequence[Sequence[int]]) -> Arm:
        """An arm whose card holds the branches of an `if`, each under its condition; `found` are their instances."""
        cards, rows = [], list[Row]()
        for indices in found:
            own = [arms[i] for i in indices]
            conditions = {arm.condition for arm in own}
            words = conditions.pop() if len(conditions) == 1 and own[0].steps else "else"
            general = Generaliser([self.modules[i] for i in indices])
            rows.append(_caption(_signs(general._condition(words, [dict(arm.names) for arm in own])), "condition"))
            if own[0].steps:
                cards.append(general._card([_card_of(arm) for arm in own]))
                rows += cards[-1].rows
            else:
                rows.append(_caption("identity", "identity"))
        held = [i for indices in found for i in indices if arms[i].steps]
        headings = [_card_of(arms[i]).heading for i in held]
        heading = Generaliser([self.modules[i] for i in held])._text(headings)
        return arms[held[0]]._replace(steps=(Step(cards[0]._replace(heading=heading, rows=tuple(rows)), True),))

    def _condition(self, words: str, given: Sequence[dict[str, str]]) -> str:
        """A condition without the names that an inlined block has for numbers that are called something else here."""

        def written(found: re.Match[str]) -> str:
            name = found[0]
            values = [arguments.get(name, "") for arguments in given]
            own = [{p.name: str(p.value) for p in module.parameters}.get(name) for module in self.modules]
            if values == own or not all(map(str.isdecimal, values)):
                return name
            text = self._text(values)
            return f"({text})" if "+" in text else text

        return _NAME.sub(written, words)

    def _output(self, texts: Sequence[str]) -> str:
        """A shape, by the sizes of the input if it can; nothing where one of its sizes is not explained."""
        axes = AXES.get(max(t.count("×") for t in texts) + 1, ())
        text = self._text(texts, axes)
        return "" if "…" in text else text

    def _text(self, texts: Sequence[str], axes: tuple[str, ...] = ()) -> str:
        """Texts that differ in numbers, with those that differ replaced; `axes` names the numbers of a shape."""
        for name, shown in () if axes else self.windows:
            pairs = zip(texts, shown, strict=True)
            without = [re.sub(rf"(?<![\d×]){window}(?![\d×])", _PLACE, text) for text, window in pairs]
            if all(_PLACE in text for text in without):
                return self._figures(without).replace(_PLACE, name)
        return self._figures(texts, axes)

    def _figures(self, texts: Sequence[str], axes: tuple[str, ...] = ()) -> str:
        if len(set(texts)) == 1:
            return texts[0]
        if len({_NUMBER.sub("#", t) for t in texts}) > 1:
            return f"{texts[0].partition('(')[0]}(…)" if "(" in texts[0] else "…"
        numbers = list(zip(*([int(n) for n in _NUMBER.findall(t)] for t in texts), strict=True))
        found = [self._number(n, axes[i] if i < len(axes) else "") for i, n in enumerate(numbers)]
        shown = iter(self._apart(found) if axes or "reshape" in texts[0] else found)
        return _NUMBER.sub(lambda _: next(shown), texts[0])

    def _apart(self, sizes: Sequence[str]) -> list[str]:
        """The sizes of a shape, an axis that comes again as the next one of the same size: `H×W×C` of square maps."""
        found: list[str] = []
        for size in sizes:
            alike = [n for n in AXES[4][1:] if n in self.columns and self.columns[n] == self.columns.get(size)]
            later = [n for n in alike if n not in found] if size in found and size in alike else []
            found.append(later[0] if later else size)
        return found

    def _number(self, values: tuple[int, ...], axis: str) -> str:
        if len(set(values)) == 1:
            return str(values[0])
        if (own := self.columns.get(axis)) is not None:
            divisor = "" if axis == "C" else self._divisor(values, own)
            if own == values or divisor:
                return f"{axis}/{divisor}" if divisor and own != values else axis
            if axis != "C" and (factor := _factor(values, own)):
                return f"{factor}·{axis}"
        for name, column in self.columns.items():
            if factor := _factor(values, column):
                return name if factor == 1 else f"{factor}·{name}"
        for name, column in self.columns.items():
            if divisor := self._divisor(values, column):
                return f"{name}/{divisor}"
        for (a, first), (b, second) in combinations(self.columns.items(), 2):
            if all(v == x + y for v, x, y in zip(values, first, second, strict=True)):
                return f"{a}+{b}"
            if all(v == x * y for v, x, y in zip(values, first, second, strict=True)):
                return f"{a}·{b}"
        return "…"

    def _divisor(self, values: tuple[int, ...], column: tuple[int, ...]) -> str:
        """What `column` is divided by to give `values`: a number or a parameter."""
        if factor := _factor(column, values):
            return str(factor)
        for name, other in self.columns.items():
            if all(v * d == c for v, d, c in zip(values, other, column, strict=True)):
                return name
        return ""

    _merges: tuple[tuple[type, Callable[..., Item]], ...] = (
        (Card, _card),
        (Terminal, _terminal),
        (Bar, _bar),
        (Group, _group),
        (Parallel, _parallel),
    )


def _card_of(arm: Arm) -> Card:
    """What a branch holds."""
    item = arm.steps[0].item
    assert isinstance(item, Card)
    return item


def _is_last(arm: Arm) -> bool:
    """Whether an arm stands for what holds where no condition does."""
    return not arm.steps or arm.condition == "else"


def _signs(condition: str) -> str:
    for written, shown in _SIGNS.items():
        condition = condition.replace(written, shown)
    return condition


def _caption(text: str, caption: Literal["condition", "identity"]) -> Row:
    return Row("", "", "", "reshape", text, (), "", None, False, "", 0, caption=caption)


def _factor(values: tuple[int, ...], column: tuple[int, ...]) -> int:
    """The whole number that `column` is multiplied by to give `values`, or 0."""
    if not all(column) or values[0] % column[0]:
        return 0
    factor = values[0] // column[0]
    return factor if all(v == factor * c for v, c in zip(values, column, strict=True)) else 0


def _stride(words: tuple[Word, ...]) -> tuple[str, tuple[Word, ...]]:
    """The word that says the stride, apart from the others."""
    stride = [w.text for w in words if w.text.startswith("↓")]
    return "".join(stride), tuple(w for w in words if not w.text.startswith("↓"))


def _environment(module: Module) -> Iterator[tuple[str, int]]:
    for name, text in module.arguments:
        if text.isdecimal():
            yield name, int(text)
    for parameter in module.parameters:
        if isinstance(parameter.value, int) and not isinstance(parameter.value, bool):
            yield parameter.name, parameter.value
    shape = module.inputs[0].type.shape if module.inputs else ()
    yield from zip(AXES.get(len(shape), ()), shape, strict=False)


def _windows(modules: Sequence[Module]) -> Iterator[tuple[str, list[str]]]:
    """The parameters that are windows, not the same in all instances, and how that of each is shown."""
    for parameter in modules[0].parameters:
        values = [{p.name: p.value for p in m.parameters}.get(parameter.name) for m in modules]
        if len(set(values)) > 1 and all(isinstance(v, tuple) for v in values):
            yield parameter.name, ["×".join(map(str, v)) for v in values if isinstance(v, tuple)]


def _same(texts: Sequence[str]) -> str:
    return texts[0] if len(set(texts)) == 1 else ""
