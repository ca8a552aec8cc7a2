"""`allow CODE "reason"`: which lints are silenced, and where."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from archdsl.source import Source, Span
from archdsl.syntax import tree


class Allowed:
    """An `allow` with the span within which it silences its lint: None where no statement follows."""

    __slots__ = ("around", "is_needed", "span", "syntax")

    def __init__(self, syntax: tree.Allow, span: Span | None) -> None:
        self.syntax = syntax
        self.span = span
        self.is_needed = False
        self.around: Allowed | None = None
        """The next one of the same lint that holds all of its span."""

    @property
    def code(self) -> str:
        return self.syntax.code.text


class Allows:
    """What several files allow, by lint and place."""

    def __init__(self, allows: Iterable[Allowed]) -> None:
        self._places: dict[tuple[str, Source], list[Allowed]] = {}
        for allowed in allows:
            if allowed.span is not None:
                self._places.setdefault((allowed.code, allowed.span.source), []).append(allowed)
        for places in self._places.values():
            places.sort(key=_outermost_first)
            _nest(places)

    def silence(self, code: str, span: Span) -> bool:
        """Whether a lint is allowed there. What allows it is needed from now on."""
        places = self._places.get((code, span.source), [])
        after = bisect_right(places, span.start, key=_start)
        allowed = _holding(places[after - 1], span.end) if after else None
        silenced = allowed is not None
        while allowed is not None and not allowed.is_needed:
            allowed.is_needed = True
            allowed = allowed.around
        return silenced


def allowed_in(file: tree.File) -> Iterator[Allowed]:
    """Every `allow` of a file with the statement that it is for."""
    if "allow" not in file.source.text:
        return
    yield from _in_turn(file.items)
    for item in file.items:
        for node in tree.walk(item):
            if isinstance(node, tree.Body):
                yield from _in_turn(node.statements)
            elif isinstance(node, tree.Merge):
                followers = [*(arm.span for arm in node.arms[1:]), None]
                for arm, follower in zip(node.arms, followers, strict=True):
                    yield from _in_turn(arm.statements, follower)
            elif isinstance(node, tree.Chain) and node.allow is not None:
                yield Allowed(node.allow, node.span)


def _in_turn(statements: Sequence[tree.Syntax], follower: Span | None = None) -> Iterator[Allowed]:
    """The `allow` statements of a sequence, each with the statement after it; `follower` comes after the last one."""
    waiting: list[tree.Allow] = []
    for statement in statements:
        if isinstance(statement, tree.Allow):
            waiting.append(statement)
            continue
        yield from (Allowed(allow, statement.span) for allow in waiting)
        waiting = []
    yield from (Allowed(allow, follower) for allow in waiting)


def _start(allowed: Allowed) -> int:
    assert allowed.span is not None
    return allowed.span.start


def _outermost_first(allowed: Allowed) -> tuple[int, int]:
    assert allowed.span is not None
    return allowed.span.start, -allowed.span.end


def _nest(places: list[Allowed]) -> None:
    """Finds what is around each; spans of statements do not cross."""
    for before, allowed in pairwise(places):
        assert allowed.span is not None
        allowed.around = _holding(before, allowed.span.end)


def _holding(allowed: Allowed | None, end: int) -> Allowed | None:
    """The innermost one, beginning with the given and going outwards, that reaches to `end`."""
    while allowed is not None and allowed.span is not None and allowed.span.end < end:
        allowed = allowed.around
    return allowed
