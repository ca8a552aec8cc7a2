"""Hostile files, each given to a whole process; 1 GiB of memory and a minute of the processor are a net below the budgets."""

from __future__ import annotations

import pytest

from tests.support.attacks import ATTACKS

NOTICE = 20_000
"""Characters of an answer that a person may still leaf through."""


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_ends_with_a_diagnostic(name: str) -> None:
    attack = ATTACKS[name]
    found = attack.run()
    assert found.code == attack.code, found
    assert attack.says in found.errors and "Traceback" not in found.errors
    assert len(found.errors) < NOTICE
