"""The `forward`s of several instances as one, which asks where they differ.

Every instance runs exactly the statements of its own `forward`: where two differ, both stand in the text, behind a
test. So what holds for each (which names are bound, what runs in place) holds for the one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import takewhile
from typing import NamedTuple

from archdsl.backends.pytorch.code.forward import LONG
from archdsl.backends.pytorch.code.lines import (
    NUMBER,
    TOKEN,
    Choice,
    Line,
    aliased,
    aligned,
    asking,
    code,
    common_start,
    filled,
    fused,
    hoisted,
    holes_in,
    renamed,
    swapped,
    unfused,
    unnested,
    unnumbered,
)
from archdsl.backends.pytorch.code.names import is_identifier, unique
from archdsl.backends.pytorch.code.parameters import ABSENT, Absent, Row
from archdsl.backends.pytorch.code.statements import Forward, Statement

FLAGS = ("has_skip", "changes_shape")
"""Attributes that say whether a residual connection is there, and whether it is more than the input."""

LONGEST = 6
"""Statements that may stand behind a test and behind its opposite, in all."""

MOST = 4
"""Tests that a `forward` may have."""

WANTED = {"pad": "extra", "pool": "window"}
"""Names for numbers in calls of functions of torch."""

_IDLE = re.compile(r"(stride=1, padding=[^,]+), ceil_mode=True")

Presence = tuple[bool, ...]
"""A yes or no for each instance."""

Answers = tuple[bool | Absent, ...]
"""The same; ABSENT where nobody asks."""


class Test(NamedTuple):
    """What tells instances apart: whether they have a child, or a flag of their own."""

    name: str
    is_child: bool
    answers: Answers

    def text(self, is_negated: bool) -> str:
        if self.is_child:
            return f"self.{self.name} is {'' if is_negated else 'not '}None"
        return f"{'not ' if is_negated else ''}self.{self.name}"


Members = tuple[list[int], list[int]]
"""The instances that have one text, and those that have another."""


class Pair(NamedTuple):
    """Lines of two texts at one place."""

    is_same: bool
    mine: list[Line]
    other: list[Line]


class Hole(NamedTuple):
    """A number that is not the same for all instances."""

    wanted: str
    """A name for it."""
    values: tuple[Row, ...]


class Joined(NamedTuple):
    """One `forward` for several instances."""

    lines: tuple[Line, ...]
    flags: tuple[Test, ...]
    """Tests that no child answers."""
    asked: frozenset[str]
    """The children whose absence it asks for."""
    holes: tuple[Hole, ...]
    """Numbers that differ; in the text each is its index between two NULs."""

    def filled(self, names: Sequence[str], asked: Mapping[str, str]) -> list[Line]:
        """The lines with names for the holes, and with what is asked in place of each flag and of its opposite."""
        known = {index: f"self.{name}" for index, name in enumerate(names)}
        return [found for line in self.lines for found in hoisted(asking(filled(line, known), asked))]


def join(
    forwards: Sequence[Forward], children: Mapping[str, Presence], is_told: Callable[[Answers], bool]
) -> Joined | None:
    """One `forward` for all; None where they have too little in common.

    Args:
        children: for each child, which instances have it.
        is_told: whether a condition of the spec has these answers.
    """
    first = forwards[0]
    if any((f.parameters, f.returns) != (first.parameters, first.returns) for f in forwards):
        return None
    holes: list[Hole] = []
    joiner = _Joiner(children, first.parameters, len(forwards), holes, is_told)
    lines = joiner.joined(_variants(forwards, holes))
    if lines is None:
        return None
    used = list(dict.fromkeys(int(n) for line in lines for n in holes_in(line)))
    numbered = [unnested(_plain(filled(line, {n: f"\0{used.index(n)}\0" for n in used}))) for line in lines]
    flags, asked = tuple(joiner.flags), frozenset(joiner.asked)
    return Joined(tuple(fused(numbered)), flags, asked, tuple(holes[n] for n in used))


def _plain(line: Line) -> Line:
    """The line without what its numbers leave nothing to do: windows one row apart always end with the map."""
    if isinstance(line, Statement):
        return line._replace(expression=_IDLE.sub(r"\1", line.expression))
    then, otherwise = (tuple(map(_plain, part)) for part in (line.then, line.otherwise))
    return Choice(line.head, then, otherwise)


class _Variant(NamedTuple):
    lines: list[Line]
    members: frozenset[int]


def form(forward: Forward) -> object:
    """What a `forward` says but for the numbers in it."""
    return forward.parameters, forward.returns, tuple(map(unnumbered, forward.statements))


def numbers_in(forward: Forward) -> tuple[str, ...]:
    """The numbers that a `forward` says."""
    return tuple(n for s in forward.statements for n in NUMBER.findall(s.expression))


def _variants(forwards: Sequence[Forward], holes: list[Hole]) -> list[_Variant]:
    """The different texts, with the instances of each. Numbers that differ within one become holes."""
    found: dict[object, list[int]] = {}
    for index, forward in enumerate(forwards):
        found.setdefault(form(forward), []).append(index)
    return [_variant(forwards, members, holes) for members in found.values()]


def _variant(forwards: Sequence[Forward], members: list[int], holes: list[Hole]) -> _Variant:
    lines: list[Line] = []
    for statements in zip(*(forwards[m].statements for m in members), strict=True):
        comments = {s.comment for s in statements}
        numbers = [NUMBER.findall(s.expression) for s in statements]
        columns = [_number(column, members, len(forwards), holes) for column in zip(*numbers, strict=True)]
        text = _with_numbers(statements[0].expression, columns)
        lines.append(statements[0]._replace(expression=text, comment=comments.pop() if len(comments) == 1 else ""))
    return _Variant(lines, frozenset(members))


def _with_numbers(expression: str, written: Sequence[Callable[[str], str]]) -> str:
    """The expression with other texts for its numbers, each of which depends on the text before it."""
    texts = iter(written)
    return TOKEN.sub(lambda m: next(texts)(expression[: m.start()]), expression)


def _number(texts: tuple[str, ...], members: list[int], count: int, holes: list[Hole]) -> Callable[[str], str]:
    """What stands for a number or a hole, by the text before it: itself where it is the same in all, else a hole."""
    if len(set(texts)) == 1:
        return lambda before: texts[0]
    values: list[Row] = [ABSENT] * count
    for member, text in zip(members, texts, strict=True):
        values[member] = holes[int(text.strip("\0"))].values[member] if "\0" in text else _value(text)

    def hole(before: str) -> str:
        keyword = re.search(r"(\w+)=$", before)
        function = re.findall(r"(\w+)\(", before)
        named = [w for f, w in WANTED.items() if f in "".join(function[-1:])] or ["size"]
        wanted = keyword[1] if keyword else "scale" if before.endswith("* ") else named[0]
        found = Hole(wanted, tuple(values))
        if found not in holes:
            holes.append(found)
        return f"\0{holes.index(found)}\0"

    return hole


def _value(text: str) -> int | float:
    return int(text) if text.isdecimal() else float(text)


class _Joiner:
    def __init__(
        self,
        children: Mapping[str, Presence],
        parameters: tuple[str, ...],
        count: int,
        holes: list[Hole],
        is_told: Callable[[Answers], bool],
    ) -> None:
        self.is_told = is_told
        self.children = children
        self.parameters = parameters
        self.count = count
        self.holes = holes
        self.flags: list[Test] = []
        self.named: set[str] = set()
        """Names of flags, used or not."""
        self.asked: set[str] = set()

    def joined(self, variants: list[_Variant]) -> list[Line] | None:
        if len(variants) == 1:
            return variants[0].lines
        test, having, lacking = self._split(variants)
        a, b = self.joined(having), self.joined(lacking)
        if a is None or b is None:
            return None
        mine, other = ([m for v in part for m in v.members] for part in (having, lacking))
        return self._difference(test, a, b, (mine, other))

    def _split(self, variants: list[_Variant]) -> tuple[Test, list[_Variant], list[_Variant]]:
        """A test, the variants for which it holds, and the others."""
        for name, presence in self.children.items():
            members = frozenset(i for i, answer in enumerate(presence) if answer)
            having = [v for v in variants if v.members <= members]
            lacking = [v for v in variants if not v.members & members]
            if having and lacking and len(having) + len(lacking) == len(variants) and is_identifier(name):
                return Test(name, True, presence), having, lacking
        longest = max(variants, key=lambda v: sum(len(n.expression) for n in v.lines if isinstance(n, Statement)))
        concerned = {i for v in variants for i in v.members}
        answers = tuple(i in longest.members if i in concerned else ABSENT for i in range(self.count))
        others = [v for v in variants if v is not longest]
        name = unique(FLAGS[any(_adds(line) for v in others for line in v.lines)], {*self.children, *self.named})
        self.named.add(name)
        return Test(name, False, answers), [longest], others

    def _difference(self, test: Test, a: list[Line], b: list[Line], members: Members) -> list[Line] | None:
        """One text for both: `a` where the test holds, else `b`."""
        differing = {*map(code, a)} ^ {*map(code, b)}
        a, b = self._numbered(a, b, members)
        a, b = aliased(a, b, self.parameters), aliased(b, a, self.parameters)
        b = aligned(b, a, self.parameters)
        a, b = swapped(a, b, self.parameters), swapped(b, a, self.parameters)
        a, b = renamed(a, b, self.parameters), renamed(b, a, self.parameters)
        a, b = unfused(a, b), unfused(b, a)
        # A flag tells that the input is added, or what the spec asks for: all else that no child explains is a class.
        between = [line for pair in _one_row(a, b) if not pair.is_same for line in (*pair.mine, *pair.other)]
        if not test.is_child and not any(map(_adds, (*between, *differing))) and not self.is_told(test.answers):
            return None
        return self._merged(test, a, b, members)

    def _merged(self, test: Test, a: list[Line], b: list[Line], members: Members) -> list[Line] | None:
        """The lines that both have, and those of each behind the test: several times, if that is not a patchwork."""
        found = self._tested(test, _rows(a, b), members)
        return found if found is not None and _is_plain(found) else self._tested(test, _one_row(a, b), members)

    def _tested(self, test: Test, rows: Iterable[Pair], members: Members) -> list[Line] | None:
        found: list[Line] = []
        longest = 0
        for is_same, mine, other in rows:
            if is_same:
                found += [self._common(x, y, members) for x, y in zip(mine, other, strict=True)]
                continue
            longest += min(len(mine), len(other))
            if longest > LONGEST or any(map(_is_training, (*mine, *other))):
                return None
            found += self._choice(test, mine, other)
        return found

    def _common(self, one: Line, other: Line, members: Members) -> Line:
        """A line that two texts share, with holes for the numbers in it that differ, and the comment if it is true of both."""
        if not isinstance(one, Statement) or not isinstance(other, Statement):
            return code(one)
        tokens = [TOKEN.findall(line.expression) for line in (one, other)]
        rows = [*members[0], *members[1]]
        columns = [
            _number((x,) * len(members[0]) + (y,) * len(members[1]), rows, self.count, self.holes)
            for x, y in zip(*tokens, strict=True)
        ]
        comment = one.comment if one.comment == other.comment else ""
        return one._replace(expression=_with_numbers(one.expression, columns), comment=comment)

    def _numbered(self, a: list[Line], b: list[Line], members: Members) -> tuple[list[Line], list[Line]]:
        """Both with holes for the numbers that alone tell their first lines apart."""
        pairs = list(takewhile(lambda pair: _said(pair[0]) == _said(pair[1]), zip(a, b, strict=False)))
        lines = [self._common(one, other, members) for one, other in pairs]
        return [*lines, *a[len(lines) :]], [*lines, *b[len(lines) :]]

    def _choice(self, test: Test, mine: list[Line], other: list[Line]) -> list[Line]:
        if test.is_child:
            self.asked.add(test.name)
        elif test not in self.flags:
            self.flags.append(test)
        short = _conditional(test, mine, other)
        if short is not None:
            return [short]
        is_negated = not mine or (_returns(other) and len(other) < len(mine))
        then, otherwise = (other, mine) if is_negated else (mine, other)
        if _returns(then):
            return [Choice(f"if {test.text(is_negated)}", tuple(then), ()), *otherwise]
        return [Choice(f"if {test.text(is_negated)}", tuple(then), tuple(otherwise))]


def _rows(a: list[Line], b: list[Line]) -> Iterator[Pair]:
    """Rows of lines that say the same but for numbers, and what is between them."""
    matcher = SequenceMatcher(None, [*map(_said, a)], [*map(_said, b)], autojunk=False)
    for tag, start, end, other_start, other_end in matcher.get_opcodes():
        yield Pair(tag == "equal", a[start:end], b[other_start:other_end])


def _one_row(a: list[Line], b: list[Line]) -> Iterator[Pair]:
    """What both begin with, what both end with, and all between."""
    mine, other = [*map(_said, a)], [*map(_said, b)]
    start = common_start(mine, other)
    end = common_start(mine[start:][::-1], other[start:][::-1])
    yield Pair(True, a[:start], b[:start])
    if len(a) > start + end or len(b) > start + end:
        yield Pair(False, a[start : len(a) - end], b[start : len(b) - end])
    yield Pair(True, a[len(a) - end :], b[len(b) - end :])


def _is_plain(lines: Sequence[Line]) -> bool:
    """Whether tests are few and do not get into each other's way: where one has an `else`, it is the only one."""
    asking = [line for line in lines if _tests(line)]
    has_else = any(isinstance(line, Choice) and (line.otherwise or _returns(line.then)) for line in asking)
    return len(asking) == 1 if has_else else sum(map(_tests, asking)) <= MOST


def _said(line: Line) -> Line:
    """The line without its numbers and its comment."""
    return unnumbered(line) if isinstance(line, Statement) else code(line)


def _tests(line: Line) -> int:
    """How many tests a line asks."""
    if isinstance(line, Statement):
        return line.expression.count(" if ")
    return 1 + sum(map(_tests, (*line.then, *line.otherwise)))


def _conditional(test: Test, mine: list[Line], other: list[Line]) -> Statement | None:
    """`y += x if self.downsample is None else self.downsample(x)`."""
    if len(mine) != 1 or len(other) != 1:
        return None
    (a,), (b,) = mine, other
    if not isinstance(a, Statement) or not isinstance(b, Statement) or a.prefix != b.prefix or a.prefix == "del ":
        return None
    if _tests(a) or _tests(b):
        return None
    is_negated = test.is_child and a.expression == f"self.{test.name}({b.expression})"
    then, otherwise = (b, a) if is_negated else (a, b)
    text = f"{then.expression} if {test.text(is_negated)} else {otherwise.expression}"
    if not is_negated and len(a.prefix + text) > LONG:
        return None
    return a._replace(expression=text, comment=a.comment if a.comment == b.comment else "")


def _adds(line: Line) -> bool:
    return isinstance(line, Statement) and (line.prefix.endswith("+= ") or " + " in line.expression)


def _returns(lines: Sequence[Line]) -> bool:
    return bool(lines) and isinstance(lines[-1], Statement) and lines[-1].prefix == "return "


def _is_training(line: Line) -> bool:
    return any(map(_is_training, (*line.then, *line.otherwise))) if isinstance(line, Choice) else line.training
