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
    callback: str
    length: int
    inlined: tuple[bool, ...]
    """Which symbols hand on their children in place of themselves."""
    gaps: tuple[int, ...]
    """How many absent optional children come before each symbol, and after the last."""

    @property
    def is_passage(self) -> bool:
        """Whether it hands on its only child as it is: half of all reductions are a value on its way up to `_expr`."""
        return self.origin.startswith("_") and self.inlined == (True,) and not any(self.gaps)

    @property
    def is_plain(self) -> bool:
        """Whether its children are handed on one by one."""
        return not any(self.inlined) and not any(self.gaps)


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
            None if rule.origin.startswith("_") else getattr(builder, rule.callback) for rule in self._rules
        ]
        self._passages = {~number: rule.origin for number, rule in enumerate(self._rules) if rule.is_passage}
        self._is_plain = [rule.is_plain for rule in self._rules]

    def parse(self, tokens: Sequence[Token]) -> Any:
        """The value of the start rule. Raises `UnexpectedToken`."""
        table, passages = self._states, self._passages
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
                    states[-1] = table[states[-2]][passages[action]]
                    continue
                self._reduce(~action, states, values)
                if kind == END and states[-1] == self._end:
                    return values[-1]
            states.append(action)
            values.append(token)
        raise AssertionError("the end is always reduced")

    def _reduce(self, number: int, states: list[int], values: list[Any]) -> None:
        rule, callback = self._rules[number], self._callbacks[number]
        first = len(values) - rule.length
        children = values[first:] if self._is_plain[number] else self._children(rule, first, values)
        del values[first:], states[first + 1 :]
        values.append(children if callback is None else callback(children))
        states.append(self._states[states[-1]][rule.origin])

    def _children(self, rule: Rule, first: int, values: list[Any]) -> Children:
        """What a rule hands on: of some symbols their children, and None for what is absent."""
        grows = rule.inlined[:1] == (True,) and not rule.gaps[0]
        children: Children = values[first] if grows else []  # not copied, or long repetitions would take quadratic time
        for value, inlined, gap in zip(values[first + grows :], rule.inlined[grows:], rule.gaps[grows:], strict=False):
            if gap:
                children += [None] * gap
            if inlined:
                children += value
            else:
                children.append(value)
        children += [None] * rule.gaps[-1]
        return children

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
