"""The lines of a `forward`, and what they call their variables: two texts that differ in names alone are one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from archdsl.backends.pytorch.code.layout import STRINGS
from archdsl.backends.pytorch.code.statements import Statement

NUMBER = re.compile(r'(?<![\w."])(?<!\de[+-])\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w."])')
TEST = re.compile(r"(?:not )?self\.\w+\b")
HOLE = re.compile("\0(\\d+)\0")
"""What stands for a number that is not the same for all instances."""
TOKEN = re.compile(f"{NUMBER.pattern}|\0\\d+\0")


FEWEST = 3
"""Statements at the end of two texts that are worth another name for a parameter."""


class Choice(NamedTuple):
    """Statements behind `if` and a test, and those behind `else`; or behind `for`."""

    head: str
    then: tuple[Line, ...]
    otherwise: tuple[Line, ...]


Line = Statement | Choice


def aligned(b: list[Line], a: list[Line], parameters: tuple[str, ...]) -> list[Line]:
    """`b` with the names that `a` has for the same values, as far as both end alike; as it is where names would meet."""
    texts = {id(line): f"{line.prefix}\n{line.expression}" for line in (*a, *b) if isinstance(line, Statement)}
    if len(texts) < len(a) + len(b):
        return b
    own, theirs = (_bound(lines, parameters) for lines in (b, a))
    found: dict[str, str] = {}
    for mine, other in zip(reversed(b), reversed(a), strict=False):
        (rest, names), (other_rest, others) = _apart(texts[id(mine)], own), _apart(texts[id(other)], theirs)
        pairs = dict(zip(names, others, strict=False))
        if TOKEN.sub("#", rest) != TOKEN.sub("#", other_rest) or any(
            {**pairs, **found}[n] != o for n, o in zip(names, others, strict=True)
        ):
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


def aliased(b: list[Line], a: list[Line], parameters: tuple[str, ...]) -> list[Line]:
    """`b` with `p = before` where it goes on with a parameter just as `a` does with a `p` that it has made; else as it is."""
    if any(isinstance(line, Choice) for line in (*a, *b)):
        return b
    others = _bound(b, parameters)
    for new in [name for name in _bound(a, parameters) if name not in others]:
        drop = Statement("del ", new)
        kept = [unnumbered(line) for line in a if line != drop]
        for old in parameters:
            tail = [_with_name(line, old, new) for line in b]
            alike = common_start(kept[::-1], [unnumbered(line) for line in tail[::-1]])
            if alike < FEWEST or not any(map(_has(new), tail[-alike:])):
                continue
            lines = iter(tail[-alike:])
            # The caller holds the parameter, so that it makes no difference when its second name is dropped.
            same = [line if line == drop else next(lines) for line in _last(a, alike, drop)]
            return [*b[: len(b) - alike], Statement(f"{new} = ", old), *same]
    return b


def _last(lines: list[Line], count: int, uncounted: Line) -> list[Line]:
    """As many lines of the end, and the uncounted ones between."""
    start = len(lines)
    while count:
        start -= 1
        count -= lines[start] != uncounted
    return lines[start:]


def unnumbered(line: Line) -> Statement:
    """The statement without its numbers and its comment."""
    assert isinstance(line, Statement)
    return line._replace(expression=TOKEN.sub("#", line.expression), comment="")


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


def renamed(a: list[Line], b: list[Line], parameters: tuple[str, ...]) -> list[Line]:
    """`x = f(x)` and what follows with the name that `b` gives the result, if `x` is a parameter: the caller holds it."""
    at = common_start(a, b)
    if at >= min(len(a), len(b)):
        return a
    mine, other = a[at], b[at]
    if not isinstance(mine, Statement) or not isinstance(other, Statement) or mine.expression != other.expression:
        return a
    old, new = mine.prefix.removesuffix(" = "), other.prefix.removesuffix(" = ")
    if old not in parameters or not new.isidentifier() or any(map(_has(new), a)):
        return a
    return [*a[:at], mine._replace(prefix=other.prefix), *(_with_name(line, old, new) for line in a[at + 1 :])]


def swapped(a: list[Line], b: list[Line], parameters: tuple[str, ...]) -> list[Line]:
    """`x = y` and what follows with the two names changed over, where `x = f(y)` follows and `b` has `y = f(y)` there.

    So a parameter's name goes on for what a residual connection starts from, and the other one for the way beside it.
    """
    at = common_start(a, b)
    if at >= min(len(a), len(b)) or any(isinstance(line, Choice) for line in a):
        return a
    mine, other = a[at], b[at]
    if not isinstance(mine, Statement) or not isinstance(other, Statement) or mine.expression != other.expression:
        return a
    old, new = mine.prefix.removesuffix(" = "), other.prefix.removesuffix(" = ")
    if old not in parameters or new in parameters or not _has(new)(mine) or _has(old)(mine._replace(prefix="")):
        return a
    rest = [_exchanged(line, old, new) for line in a[at + 1 :]]
    return [*a[:at], Statement(f"{old} = ", new), other, *rest]


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


def _exchanged(line: Line, one: str, other: str) -> Line:
    """The statement with two names changed over."""
    assert isinstance(line, Statement)
    names = {one: other, other: one}
    return line._replace(
        prefix=_substituted(line.prefix, [one, other], names),
        expression=_substituted(line.expression, [one, other], names),
    )


def common_start(a: Sequence[Line], b: Sequence[Line]) -> int:
    """How many lines two texts have in common at their start."""
    pairs = zip(a, b, strict=False)
    return next((i for i, (x, y) in enumerate(pairs) if code(x) != code(y)), min(len(a), len(b)))


def code(line: Line) -> Line:
    if isinstance(line, Statement):
        return line._replace(comment="")
    return Choice(line.head, tuple(map(code, line.then)), tuple(map(code, line.otherwise)))


def common(a: Line, b: Line) -> Line:
    """A line that two texts share, with the comment if it is true of both."""
    if isinstance(a, Statement) and isinstance(b, Statement):
        return a if a.comment == b.comment else a._replace(comment="")
    return code(a)


def unfused(a: list[Line], b: list[Line]) -> list[Line]:
    """`return f(x)` as `y = f(x)` and `return y`, where `b` has it so."""
    last, at = a[-1], len(a) - 1
    if at >= len(b) or not isinstance(last, Statement) or last.prefix != "return ":
        return a
    like = b[at]
    if not isinstance(like, Statement) or not like.prefix.endswith(" = "):
        return a
    if unnumbered(like).expression != unnumbered(last).expression:
        return a
    name = like.prefix.removesuffix(" = ")
    return [*a[:-1], last._replace(prefix=like.prefix), Statement("return ", name)]


def fused(lines: list[Line]) -> list[Line]:
    """`y = f(x)` and `return y` as `return f(x)`."""
    if len(lines) < 2:
        return lines
    before, last = lines[-2:]
    if not isinstance(before, Statement) or not isinstance(last, Statement) or before.training:
        return lines
    if last.prefix != "return " or before.prefix != f"{last.expression} = ":
        return lines
    return [*lines[:-2], before._replace(prefix="return ")]


def filled(line: Line, texts: Mapping[int, str]) -> Line:
    """The line with texts in its holes."""
    return _rewritten(line, lambda text: HOLE.sub(lambda m: texts[int(m[1])], text))


def asking(line: Line, asked: Mapping[str, str]) -> Line:
    """The line with what is asked in place of each flag and of its opposite."""
    return _rewritten(line, lambda text: TEST.sub(lambda m: asked.get(m[0], m[0]), text))


def _rewritten(line: Line, text: Callable[[str], str]) -> Line:
    """The line with another text for each expression and for each condition."""
    if isinstance(line, Statement):
        return line._replace(expression=text(line.expression))
    then, otherwise = (tuple(_rewritten(inner, text) for inner in part) for part in (line.then, line.otherwise))
    return Choice(text(line.head), then, otherwise)


def unnested(line: Line) -> Line:
    """The line; a choice that asks both where all behind a test is another test."""
    if isinstance(line, Statement) or len(line.then) > 1 or line.otherwise:
        return line
    inner = unnested(line.then[0])
    if isinstance(inner, Statement) or inner.otherwise:
        return line
    return Choice(f"{line.head} and {inner.head.removeprefix('if ')}", inner.then, ())


def hoisted(line: Line) -> list[Line]:
    """The line; after a choice what both of its sides end with."""
    if isinstance(line, Statement):
        return [line]
    end = min(common_start(line.then[::-1], line.otherwise[::-1]), len(line.then) - 1)
    if not end:
        return [line]
    tail = [common(a, b) for a, b in zip(line.then[-end:], line.otherwise[-end:], strict=True)]
    return [Choice(line.head, line.then[:-end], line.otherwise[:-end]), *tail]


def holes_in(line: Line) -> Iterator[str]:
    if isinstance(line, Statement):
        yield from HOLE.findall(line.expression)
    else:
        for inner in (*line.then, *line.otherwise):
            yield from holes_in(inner)
