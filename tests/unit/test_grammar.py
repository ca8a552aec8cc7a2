"""The grammar is LALR(1) without conflicts, and the tables that ship with the package are its own."""

from __future__ import annotations

import logging
import pickle

import pytest
from lark import logger

from archdsl.syntax.driver import TABLES
from archdsl.syntax.tables import GRAMMAR, analysed, build_tables

AMBIGUOUS = """
    start: if_
    if_: IF if_ | IF if_ ELSE if_ | X
    %declare IF ELSE X
"""
"""The `else` of one `if` or the other: Lark shifts, and says so at level DEBUG alone."""


def conflicts(grammar: str, caplog: pytest.LogCaptureFixture) -> list[str]:
    logger.propagate = True
    with caplog.at_level(logging.DEBUG, logger=logger.name):
        analysed(grammar)
    return [record.getMessage() for record in caplog.records if "onflict" in record.getMessage()]


def test_the_grammar_has_no_conflict(caplog: pytest.LogCaptureFixture) -> None:
    assert conflicts(GRAMMAR.read_text("utf-8"), caplog) == []


def test_a_conflict_would_be_seen(caplog: pytest.LogCaptureFixture) -> None:
    assert conflicts(AMBIGUOUS, caplog)


def test_the_saved_tables_are_fresh() -> None:
    assert pickle.loads(TABLES.read_bytes()) == build_tables(), "run `python -m archdsl.syntax.tables`"
