"""The `forward`s of several instances as one, which asks where they differ.

Every instance runs exactly the statements of its own `forward`: where two differ, both stand in the text, behind a
test. So what holds for each (which names are bound, what runs in place) holds for the one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from archdsl.backends.pytorch.code.forward import Forward, Statement
from archdsl.backends.pytorch.code.layout import STRINGS
from archdsl.backends.pytorch.code.names import is_identifier, unique
from archdsl.backends.pytorch.code.parameters import ABSENT, Row

FLAGS = ("has_skip", "changes_shape")
"""Attributes that say whether a residual connection is there, and whether it is more than the input."""

LONGEST = 6
"""Statements that may stand behind a test and behind its opposite."""

WANTED = {"pad": "extra", "pool": "window"}
"""Names for numbers in calls of functions of torch."""

_NUMBER = re.compile(r'(?<![\w."])(?<!\de-)\d+(?:\.\d+)?(?:e-?\d+)?(?![\w."])')
_HOLE = re.compile("\0(\\d+)\0")

Presence = tuple[bool, ...]
"""A yes or no for each instance."""


class Test(NamedTuple):
    """What tells instances apart: whether they have a child, or a flag of their own."""

    name: str
    is_child: bool
    answers: Presence

    def text(self, is_negated: bool) -> str:
        if self.is_child:
            return f"self.{self.name} is {'' if is_negated else 'not '}None"
        return f"{'not ' if is_negated else ''}self.{self.name}"


class Choice(NamedTuple):
    """Statements behind `if` and a test, and those behind `else`; or behind `for`."""

    head: str
    then: tuple[Line, ...]
    otherwise: tuple[Line, ...]


Line = Statement | Choice


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

    def filled(self, names: Sequence[str]) -> list[Line]:
        """The lines with names for the holes."""
        return [found for line in self.lines for found in _hoisted(_filled(line, names))]


def join(forwards: Sequence[Forward], children: Mapping[str, Presence]) -> Joined | None:
    """One `forward` for all; None where they have too little in common.

    Args:
        children: for each child, which instances have it.
    """
    first = forwards[0]
    if any((f.parameters, f.returns) != (first.parameters, first.returns) for f in forwards):
        return None
    joiner = _Joiner(children, first.parameters, len(forwards))
    holes: list[Hole] = []
    lines = joiner.joined(_variants(forwards, holes))
    if lines is None:
        return None
    return Joined(tuple(_fused(lines)), tuple(joiner.flags), frozenset(joiner.asked), tuple(holes))


class _Variant(NamedTuple):
    lines: list[Line]
    members: frozenset[int]


def form(forward: Forward) -> object:
    """What a `forward` says but for the numbers in it."""
    return forward.parameters, forward.returns, tuple(map(_shape, forward.statements))


def _shape(statement: Statement) -> tuple[str, str, bool]:
    return statement.prefix, _NUMBER.sub("#", statement.expression), statement.training


def numbers_in(forward: Forward) -> tuple[str, ...]:
    """The numbers that a `forward` says."""
    return tuple(n for s in forward.statements for n in _NUMBER.findall(s.expression))


def _variants(forwards: Sequence[Forward], holes: list[Hole]) -> list[_Variant]:
    """The different texts, with the instances of each. Numbers that differ become holes.

    A hole is one for all instances that say the same up to it, so that what they begin with has the same text.
    """
    found: dict[object, list[int]] = {}
    alike: dict[object, list[int]] = {}
    for index, forward in enumerate(forwards):
        found.setdefault(form(forward), []).append(index)
        for start in _starts(forward):
            alike.setdefault(start, []).append(index)
    return [_variant(forwards, members, alike, holes) for members in found.values()]


def _starts(forward: Forward) -> list[object]:
    """The beginnings of a `forward`, one for each statement that they end with, without the numbers."""
    shapes = tuple(map(_shape, forward.statements))
    return [(forward.parameters, shapes[: end + 1]) for end in range(len(shapes))]


def _variant(
    forwards: Sequence[Forward], members: list[int], alike: Mapping[object, list[int]], holes: list[Hole]
) -> _Variant:
    lines: list[Line] = []
    for at, start in enumerate(_starts(forwards[members[0]])):
        statement, comments = forwards[members[0]].statements[at], {forwards[m].statements[at].comment for m in members}
        others, expression = alike[start], statement.expression
        numbers = [_NUMBER.findall(forwards[o].statements[at].expression) for o in others]
        texts = iter([_number(column, others, len(forwards), holes) for column in zip(*numbers, strict=True)])
        text = _NUMBER.sub(lambda m, e=expression, t=texts: next(t)(e[: m.start()]), expression)  # type: ignore[misc]
        lines.append(statement._replace(expression=text, comment=comments.pop() if len(comments) == 1 else ""))
    return _Variant(lines, frozenset(members))


def _number(texts: tuple[str, ...], members: list[int], count: int, holes: list[Hole]) -> Callable[[str], str]:
    """What stands for a number, by the text before it: itself where it is the same in all, else a hole."""
    if len(set(texts)) == 1:
        return lambda before: texts[0]
    values: list[Row] = [ABSENT] * count
    for member, text in zip(members, texts, strict=True):
        values[member] = int(text) if text.isdecimal() else float(text)

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


class _Joiner:
    def __init__(self, children: Mapping[str, Presence], parameters: tuple[str, ...], count: int) -> None:
        self.children = children
        self.parameters = parameters
        self.count = count
        self.flags: list[Test] = []
        self.asked: set[str] = set()

    def joined(self, variants: list[_Variant]) -> list[Line] | None:
        if len(variants) == 1:
            return variants[0].lines
        test, having, lacking = self._split(variants)
        a, b = self.joined(having), self.joined(lacking)
        return None if a is None or b is None else self._difference(test, a, b)

    def _split(self, variants: list[_Variant]) -> tuple[Test, list[_Variant], list[_Variant]]:
        """A test, the variants for which it holds, and the others."""
        for name, presence in self.children.items():
            members = frozenset(i for i, answer in enumerate(presence) if answer)
            having = [v for v in variants if v.members <= members]
            lacking = [v for v in variants if not v.members & members]
            if having and lacking and len(having) + len(lacking) == len(variants) and is_identifier(name):
                return Test(name, True, presence), having, lacking
        longest = max(variants, key=lambda v: sum(len(n.expression) for n in v.lines if isinstance(n, Statement)))
        answers = tuple(i in longest.members for i in range(self.count))
        others = [v for v in variants if v is not longest]
        name = FLAGS[any(_adds(line) for v in others for line in v.lines)]
        return Test(unique(name, {*self.children, *(f.name for f in self.flags)}), False, answers), [longest], others

    def _difference(self, test: Test, a: list[Line], b: list[Line]) -> list[Line] | None:
        """One text for both: `a` where the test holds, else `b`."""
        b = _aligned(b, a, self.parameters)
        a, b = _renamed(a, b, self.parameters), _renamed(b, a, self.parameters)
        a, b = _unfused(a, b), _unfused(b, a)
        start = _common_start(a, b)
        end = _common_start(a[start:][::-1], b[start:][::-1])
        head = [_common(x, y) for x, y in zip(a[:start], b[:start], strict=True)]
        tail = [_common(x, y) for x, y in zip(a[len(a) - end :], b[len(b) - end :], strict=True)]
        mine, other = a[start : len(a) - end], b[start : len(b) - end]
        if min(len(mine), len(other)) > LONGEST or any(_is_training(line) for line in (*mine, *other)):
            return None
        # A flag tells that the input is added: all else that no child explains makes another class.
        if not test.is_child and not any(_adds(line) for line in (*mine, *other)):
            return None
        middle = self._choice(test, mine, other) if mine or other else []
        return [*head, *middle, *tail]

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


def _conditional(test: Test, mine: list[Line], other: list[Line]) -> Statement | None:
    """`y += x if self.downsample is None else self.downsample(x)`."""
    if len(mine) != 1 or len(other) != 1 or not test.is_child:
        return None
    (a,), (b,) = mine, other
    if not isinstance(a, Statement) or not isinstance(b, Statement) or a.prefix != b.prefix:
        return None
    if a.expression != f"self.{test.name}({b.expression})":
        return None
    text = f"{b.expression} if {test.text(is_negated=True)} else {a.expression}"
    return a._replace(expression=text, comment=a.comment if a.comment == b.comment else "")


def _aligned(b: list[Line], a: list[Line], parameters: tuple[str, ...]) -> list[Line]:
    """`b` with the names that `a` has for the same values, as far as both end alike; as it is where names would meet."""
    texts = {id(line): f"{line.prefix}\n{line.expression}" for line in (*a, *b) if isinstance(line, Statement)}
    if len(texts) < len(a) + len(b):
        return b
    own, theirs = (_bound(lines, parameters) for lines in (b, a))
    found: dict[str, str] = {}
    for mine, other in zip(reversed(b), reversed(a), strict=False):
        (rest, names), (other_rest, others) = _apart(texts[id(mine)], own), _apart(texts[id(other)], theirs)
        pairs = dict(zip(names, others, strict=False))
        if rest != other_rest or any({**pairs, **found}[n] != o for n, o in zip(names, others, strict=True)):
            break
        found |= pairs
    renamed = {name: found.get(name, name) for name in own}
    if len(set(renamed.values())) < len(own) or any(renamed[p] != p for p in parameters):
        return b
    new = [_substituted(texts[id(line)], own, renamed).split("\n") for line in b]
    return [
        line._replace(prefix=prefix, expression=expression)
        for line, (prefix, expression) in zip(b, new, strict=True)
        if isinstance(line, Statement)
    ]


def _bound(lines: list[Line], parameters: tuple[str, ...]) -> list[str]:
    """The names of variables in statements."""
    targets = (t for line in lines if isinstance(line, Statement) for t in re.split(r"[ ,+=]+", line.prefix))
    return list(dict.fromkeys([*parameters, *(t for t in targets if t.isidentifier() and t not in ("return", "del"))]))


def _variables(names: Sequence[str]) -> re.Pattern[str]:
    return re.compile(rf"{STRINGS.pattern}|(?<![\w.])(?:{'|'.join(names)})\b(?!=)")


def _apart(text: str, names: Sequence[str]) -> tuple[str, list[str]]:
    """A text without its variables, and these."""
    found: list[str] = []

    def taken(match: re.Match[str]) -> str:
        if match[0] not in names:
            return match[0]
        found.append(match[0])
        return "\1"

    return _variables(names).sub(taken, text), found


def _substituted(text: str, names: Sequence[str], renamed: Mapping[str, str]) -> str:
    return _variables(names).sub(lambda m: renamed.get(m[0], m[0]), text)


def _renamed(a: list[Line], b: list[Line], parameters: tuple[str, ...]) -> list[Line]:
    """`x = f(x)` and what follows with the name that `b` gives the result, if `x` is a parameter: the caller holds it."""
    at = _common_start(a, b)
    if at >= min(len(a), len(b)):
        return a
    mine, other = a[at], b[at]
    if not isinstance(mine, Statement) or not isinstance(other, Statement) or mine.expression != other.expression:
        return a
    old, new = mine.prefix.removesuffix(" = "), other.prefix.removesuffix(" = ")
    if old not in parameters or not new.isidentifier() or any(map(_has(new), a)):
        return a
    return [*a[:at], mine._replace(prefix=other.prefix), *(_with_name(line, old, new) for line in a[at + 1 :])]


def _has(name: str) -> Callable[[Line], bool]:
    return lambda line: not isinstance(line, Statement) or _with_name(line, name, "") != line


def _with_name(line: Line, old: str, new: str) -> Line:
    """The statement with another name for a variable."""
    assert isinstance(line, Statement)
    pattern = re.compile(rf"{STRINGS.pattern}|(?<![\w.]){old}\b(?!=)")
    prefix, expression = (
        pattern.sub(lambda m: new if m[0] == old else m[0], text) for text in (line.prefix, line.expression)
    )
    return line._replace(prefix=prefix, expression=expression)


def _unfused(a: list[Line], b: list[Line]) -> list[Line]:
    """`return f(x)` as `y = f(x)` and `return y`, where `b` has it so."""
    last, at = a[-1], len(a) - 1
    if at >= len(b) or not isinstance(last, Statement) or last.prefix != "return ":
        return a
    like = b[at]
    if not isinstance(like, Statement) or like.expression != last.expression or not like.prefix.endswith(" = "):
        return a
    name = like.prefix.removesuffix(" = ")
    return [*a[:-1], last._replace(prefix=like.prefix), Statement("return ", name)]


def _fused(lines: list[Line]) -> list[Line]:
    """`y = f(x)` and `return y` as `return f(x)`."""
    if len(lines) < 2:
        return lines
    before, last = lines[-2:]
    if not isinstance(before, Statement) or not isinstance(last, Statement) or before.training:
        return lines
    if last.prefix != "return " or before.prefix != f"{last.expression} = ":
        return lines
    return [*lines[:-2], before._replace(prefix="return ")]


def _common_start(a: Sequence[Line], b: Sequence[Line]) -> int:
    """How many lines two texts have in common at their start."""
    pairs = zip(a, b, strict=False)
    return next((i for i, (x, y) in enumerate(pairs) if _code(x) != _code(y)), min(len(a), len(b)))


def _code(line: Line) -> Line:
    if isinstance(line, Statement):
        return line._replace(comment="")
    return Choice(line.head, tuple(map(_code, line.then)), tuple(map(_code, line.otherwise)))


def _common(a: Line, b: Line) -> Line:
    """A line that two texts share, with the comment if it is true of both."""
    if isinstance(a, Statement) and isinstance(b, Statement):
        return a if a.comment == b.comment else a._replace(comment="")
    return _code(a)


def _adds(line: Line) -> bool:
    return isinstance(line, Statement) and (line.prefix.endswith("+= ") or " + " in line.expression)


def _filled(line: Line, names: Sequence[str]) -> Line:
    if isinstance(line, Statement):
        return line._replace(expression=_HOLE.sub(lambda m: f"self.{names[int(m[1])]}", line.expression))
    then, otherwise = (tuple(_filled(inner, names) for inner in part) for part in (line.then, line.otherwise))
    return Choice(line.head, then, otherwise)


def _hoisted(line: Line) -> list[Line]:
    """The line; after a choice what both of its sides end with."""
    if isinstance(line, Statement):
        return [line]
    end = min(_common_start(line.then[::-1], line.otherwise[::-1]), len(line.then) - 1)
    if not end:
        return [line]
    tail = [_common(a, b) for a, b in zip(line.then[-end:], line.otherwise[-end:], strict=True)]
    return [Choice(line.head, line.then[:-end], line.otherwise[:-end]), *tail]


def _returns(lines: list[Line]) -> bool:
    return bool(lines) and isinstance(lines[-1], Statement) and lines[-1].prefix == "return "


def _is_training(line: Line) -> bool:
    return isinstance(line, Choice) or line.training
