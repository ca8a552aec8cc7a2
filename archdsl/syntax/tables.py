"""Builds the parse tables that ship with the package: `python -m archdsl.syntax.tables`.

Lark reads the grammar, checks it for conflicts and makes the tables; what is saved of them is plain data, which
`driver.py` loads in a tenth of the time that importing Lark takes.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from sys import intern
from typing import Any

from archdsl.syntax.driver import TABLES, Rule

GRAMMAR = Path(__file__).with_name("grammar.lark")


def build_tables() -> dict[str, Any]:
    """The tables of `grammar.lark` as plain data. Raises `lark.GrammarError` for a grammar that is not LALR(1).

    Rules and states are numbered in an order of their own, since Lark's comes from sets and differs at each run.
    """
    from lark import Lark
    from lark.lexer import Lexer
    from lark.parsers.lalr_analysis import Shift

    class NoLexer(Lexer):
        def __init__(self, lexer_conf: Any) -> None: ...

        def lex(self, lexer_state: Any, parser_state: Any) -> Any: ...

    lark = Lark(GRAMMAR.read_text("utf-8"), parser="lalr", lexer=NoLexer)
    table = lark.parser.parser._parse_table
    rules = sorted(lark.rules, key=lambda rule: (rule.origin.name, [symbol.name for symbol in rule.expansion], rule.order))
    numbers = {rule: number for number, rule in enumerate(rules)}
    places = {table.start_states["start"]: 0}
    states = []
    for state in (waiting := list(places)):
        row = {}
        for symbol, (action, target) in sorted(table.states[state].items()):
            if action is Shift and target not in places:
                places[target] = len(places)
                waiting.append(target)
            row[intern(str(symbol))] = places[target] if action is Shift else ~numbers[target]
        states.append(row)
    return {
        "start": 0,
        "end": places[table.end_states["start"]],
        "states": states,
        "rules": [tuple(_rule(rule)) for rule in rules],
    }


def _rule(rule: Any) -> Rule:
    """A rule with what becomes of its children: inlined where a name begins with `_`, None for what may be absent."""
    origin = intern(str(rule.origin.name))
    gaps = [g if isinstance(g, int) else int(g) for g in _gaps(rule)]
    inlined = tuple(not symbol.is_term and str(symbol.name).startswith("_") for symbol in rule.expansion)
    return Rule(origin, intern(str(rule.alias or origin)), len(rule.expansion), inlined, tuple(gaps))


def _gaps(rule: Any) -> list[int]:
    """How many absent children stand before each symbol, and after the last."""
    marks = rule.options.empty_indices
    if not marks:
        return [0] * (len(rule.expansion) + 1)
    gaps = [0]
    for absent in marks:
        if absent:
            gaps[-1] += 1
        else:
            gaps.append(0)
    return gaps


if __name__ == "__main__":
    TABLES.write_bytes(pickle.dumps(build_tables(), protocol=5))
