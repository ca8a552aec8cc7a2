"""Builds the parse tables that ship with the package: `python -m archdsl.syntax.tables`.

Lark reads the grammar, checks it for conflicts and makes the tables; what is saved of them is plain data, which
`driver.py` loads in a tenth of the time that importing Lark takes.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from archdsl.syntax.driver import TABLES, Rule

GRAMMAR = Path(__file__).with_name("grammar.lark")


def analysed(grammar: str) -> Any:
    """A grammar with its tables; Lark logs its conflicts. Raises `lark.GrammarError` for one that is not LALR(1)."""
    from lark import Lark
    from lark.lexer import Lexer

    class NoLexer(Lexer):
        def __init__(self, lexer_conf: Any) -> None: ...

        def lex(self, lexer_state: Any, parser_state: Any) -> Any: ...

    return Lark(grammar, parser="lalr", lexer=NoLexer, debug=True)


def build_tables() -> dict[str, Any]:
    """The tables of `grammar.lark` as plain data."""
    from lark.parsers.lalr_analysis import Shift

    lark = analysed(GRAMMAR.read_text("utf-8"))
    table = lark.parser.parser._parse_table
    ordered = sorted(lark.rules, key=lambda rule: (str(rule.origin.name), [str(s.name) for s in rule.expansion]))
    rules = {rule: number for number, rule in enumerate(ordered)}
    passing = _passing(ordered)
    rows = {
        state: {symbol: (action is Shift, target) for symbol, (action, target) in sorted(row.items())}
        for state, row in table.states.items()
    }
    numbers = _in_order(rows, table.start_states["start"])
    return {
        "start": numbers[table.start_states["start"]],
        "end": numbers[table.end_states["start"]],
        "states": [
            {symbol: numbers[target] if shifts else ~rules[target] for symbol, (shifts, target) in rows[state].items()}
            for state in numbers
        ],
        "rules": [tuple(_rule(rule, passing)) for rule in ordered],
    }


def _in_order(rows: dict[Any, dict[str, tuple[bool, Any]]], start: Any) -> dict[Any, int]:
    """States numbered as they are first reached from the start: Lark's own numbers differ from run to run."""
    numbers = {start: 0}
    waiting = [start]
    for state in waiting:
        for shifts, target in rows[state].values():
            if shifts and target not in numbers:
                numbers[target] = len(numbers)
                waiting.append(target)
    return numbers


def _rule(rule: Any, passing: set[str]) -> Rule:
    """A rule with what becomes of its children: joined where their name begins with `_`, None for what may be absent."""
    origin = str(rule.origin.name)
    gaps = _gaps(rule)
    absent = [place + sum(gaps[:place]) + more for place, gap in enumerate(gaps) for more in range(gap)]
    lists = [
        place + sum(gaps[: place + 1])
        for place, symbol in enumerate(rule.expansion)
        if not symbol.is_term and symbol.name.startswith("_") and symbol.name not in passing
    ]
    callback = None if origin.startswith("_") else str(rule.alias or origin)
    return Rule(origin, callback, len(rule.expansion), tuple(absent), tuple(reversed(lists)), origin in passing)


def _passing(rules: list[Any]) -> set[str]:
    """The symbols that hand on their only child, as `_expr` does, whatever they stand for."""
    lengths: dict[str, set[int]] = {}
    for rule in rules:
        lengths.setdefault(str(rule.origin.name), set()).add(len(rule.expansion))
    return {name for name, found in lengths.items() if name.startswith("_") and found == {1}}


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
