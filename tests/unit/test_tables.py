"""The parse tables that ship are those of the grammar, and Lark settles nothing in silence."""

from __future__ import annotations

import logging
import pickle

import pytest

from archdsl.syntax.driver import TABLES
from archdsl.syntax.tables import build_tables


def test_the_saved_tables_are_fresh() -> None:
    """If this fails: `python -m archdsl.syntax.tables`."""
    assert pickle.loads(TABLES.read_bytes()) == build_tables()


def test_the_grammar_has_no_conflict(caplog: pytest.LogCaptureFixture) -> None:
    """Lark settles a shift/reduce conflict by shifting, and only says so to its logger."""
    logger = logging.getLogger("lark")
    level, propagate = logger.level, logger.propagate
    logger.propagate = True
    logger.setLevel(logging.DEBUG)
    try:
        with caplog.at_level(logging.DEBUG, logger="lark"):
            build_tables()
    finally:
        logger.setLevel(level)
        logger.propagate = propagate
    assert not [r.getMessage() for r in caplog.records if "conflict" in r.getMessage().lower()]
