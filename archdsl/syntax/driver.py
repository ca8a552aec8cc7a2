"""Drives the LALR(1) tables that Lark made of `grammar.lark`.

Importing Lark and loading its own saved tables takes 40 ms, a third of what a whole `archdsl check` may take
(docs/explanation/decisions.md); the few lines below take 2.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from archdsl.syntax.token import Token

TABLES = Path(__file__).with_name("grammar.tables")
END = "$END"

Children = list[Any]


class Rule(NamedTuple):
    """A production, and how its children are handed on."""

    origin: str
    callback: str | None
    """The method of the builder; None where the children go on to what stands above."""
    length: int
    absent: tuple[int, ...]
    """Where a None is put for an optional child that is not there, in order."""
    lists: tuple[int, ...]
    """Where a list of children then stands that takes their place, the last first."""
    passes: bool
    """Whether it hands on its only child as it is: two thirds of all reductions are a value on its way up to `_expr`."""


class UnexpectedToken(Exception):
    """A token that the grammar does not allow at a position; `expected` are the types it does."""

    def __init__(self, position: int, expected: set[str]) -> None:
        super().__init__(f"token {position}: expected {', '.join(sorted(expected))}")
        self.position = position
        self.expected = expected


class Driver:
    """A parser for the saved tables. `builder` has a method for each rule that is not inlined."""

    def __init__(self, builder: object) -> None:
        tables = pickle.loads(TABLES.read_bytes())
        self._start: int = tables["start"]
        self._end: int = tables["end"]
        self._states: list[dict[str, int]] = tables["states"]
        self._rules = [Rule(*rule) for rule in tables["rules"]]
        self._callbacks: list[Callable[[Children], Any] | None] = [
            None if rule.callback is None else getattr(builder, rule.callback) for rule in self._rules
        ]
        self._passages = {~number: rule.origin for number, rule in enumerate(self._rules) if rule.passes}
        self._ends: dict[tuple[int, int, str], int] = {}

    def parse(self, tokens: Sequence[Token]) -> Any:
        """The value of the start rule. Raises `UnexpectedToken`."""
        table, passages, ends = self._states, self._passages, self._ends
        states = [self._start]
        values: list[Any] = []
        for position, token in enumerate((*tokens, Token(END, "", 0, 0))):
            kind = token.type
            while True:
                action = table[states[-1]].get(kind)
                if action is None:
                    raise UnexpectedToken(position, self._accepted(states))
                if action >= 0:
                    break
                if action in passages:
                    way = states[-2], action, kind
                    if way not in ends:
                        ends[way] = self._end_of(*way)
                    states[-1] = ends[way]
                else:
                    self._reduce(~action, states, values)
                    if kind == END and states[-1] == self._end:
                        return values[-1]
            states.append(action)
            values.append(token)
        raise AssertionError("the end is always reduced")

    def _end_of(self, state: int, action: int, kind: str) -> int:
        """Where a value comes to before a token, that is handed on from a state."""
        top = state
        following: int | None = action
        while following in self._passages:
            top = self._states[state][self._passages[following]]
            following = self._states[top].get(kind)
        return top

    def _reduce(self, number: int, states: list[int], values: list[Any]) -> None:
        origin, _, length, absent, lists, _ = self._rules[number]
        callback = self._callbacks[number]
        children: Children = values[-length:]
        if absent or lists:
            children = _handed_on(children, absent, lists)
        del values[-length:], states[-length:]
        values.append(children if callback is None else callback(children))
        states.append(self._states[states[-1]][origin])

    def _accepted(self, states: list[int]) -> set[str]:
        """The token types that can really follow: a row of the table also has some that fail after a reduction."""
        return {kind for kind in self._states[states[-1]] if kind.isupper() and self._accepts(kind, list(states))}

    def _accepts(self, kind: str, states: list[int]) -> bool:
        while (action := self._states[states[-1]].get(kind)) is not None:
            if action >= 0:
                return True
            rule = self._rules[~action]
            del states[len(states) - rule.length :]
            states.append(self._states[states[-1]][rule.origin])
            if states[-1] == self._end:
                return True
        return False


def _handed_on(children: Children, absent: tuple[int, ...], lists: tuple[int, ...]) -> Children:
    """The children with None for what is absent, and those of lists in place of these."""
    if lists == (0,):
        grown: Children = children[0]  # not copied, or long repetitions would take quadratic time
        grown += children[1:]
        return grown
    for place in absent:
        children.insert(place, None)
    for place in lists:
        children[place : place + 1] = children[place]
    return children
