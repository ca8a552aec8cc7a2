"""What lectures say that an architecture decides is claimed or disputed in a spec, or there is a reason why not."""

from __future__ import annotations

import json
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

import pytest

from archdsl.claims import Verdict
from archdsl.pipeline import open_spec

ROOT = Path(__file__).parents[2]
DATA = json.loads((ROOT / "tests/data/lecture_claims.json").read_text("utf-8"))
CLAIMS: list[dict[str, Any]] = DATA["claims"]
CLAIMED = [claim for claim in CLAIMS if "claimed" in claim]


@cache
def verdicts(network: str) -> dict[str, Verdict]:
    """The claims of `file:network` by their texts, `expect params == 10`."""
    file, name = network.split(":")
    found = open_spec(ROOT / "specs" / file).check(name).verdicts
    return {f"{'dispute' if v.disputed else 'expect'} {' '.join(v.text.split())}": v for v in found}


def decided(claim: dict[str, Any]) -> list[Verdict]:
    """What became of a claim in the specs. Raises KeyError where one is not there."""
    places = (text.split(": ", 1) for text in claim["claimed"])
    return [verdicts(network)[text] for network, text in places]


def values(verdict: Verdict) -> set[Any]:
    """What it says: a number; of a shape its elements, and its sizes."""
    shape = verdict.value
    return {prod(shape), *shape} if isinstance(shape, tuple | list) else {shape}


def test_each_is_there_once() -> None:
    assert len({claim["id"] for claim in CLAIMS}) == len(CLAIMS) == 411


@pytest.mark.parametrize("claim", CLAIMED, ids=lambda claim: claim["id"])
def test_it_is_claimed(claim: dict[str, Any]) -> None:
    found = decided(claim)
    assert found and all(verdict.holds for verdict in found)


@pytest.mark.parametrize(
    "claim", [c for c in CLAIMED if type(c.get("is")) is int and "printed" in c], ids=lambda claim: claim["id"]
)
def test_the_value_is_the_one_worked_out_by_hand(claim: dict[str, Any]) -> None:
    assert any(claim["is"] in values(verdict) for verdict in decided(claim))


def test_what_is_wrong_is_disputed() -> None:
    wrong = [claim for claim in CLAIMED if claim["verdict"] == "wrong" and "printed" in claim]
    assert wrong and all(any(verdict.disputed for verdict in decided(claim)) for claim in wrong)


@pytest.mark.parametrize("claim", [c for c in CLAIMS if "claimed" not in c], ids=lambda claim: claim["id"])
def test_there_is_a_reason(claim: dict[str, Any]) -> None:
    assert claim["reason"] in DATA["reasons"]
    assert "network" in claim or claim["reason"] not in ("built", "counted", "diagnostic")
    if "network" in claim:
        file, name = claim["network"].split(":")
        assert name in open_spec(ROOT / "specs" / file).networks
