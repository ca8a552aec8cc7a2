"""The zoo against published modules: parameters, multiply-adds and every key of the `state_dict`, with no tolerance."""

from __future__ import annotations

import gzip
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from archdsl.analyses import Facts
from archdsl.backends.pytorch import build
from archdsl.elaborate import Datum, Settings
from archdsl.pipeline import open_spec

DATA = Path(__file__).parents[1] / "data"
SPECS = Path(__file__).parents[2] / "specs"
MODELS: list[dict[str, Any]] = json.loads((DATA / "zoo.json").read_text("utf-8"))["models"]
LISTED = [model for model in MODELS if "state_dict" in model]


def facts_of(model: dict[str, Any]) -> Facts:
    file, name = model["network"].split(":")
    settings: dict[str, Datum] = {key: Fraction(value) for key, value in model.get("settings", {}).items()}
    return open_spec(SPECS / file).check(name, Settings(settings)).facts


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model["model"])
def test_parameters_and_multiply_adds_are_the_published_ones(model: dict[str, Any]) -> None:
    facts = facts_of(model)
    cost = facts.cost.training if "training" in model else facts.cost.total
    assert cost.params == model["params"]
    if "macs" in model:
        assert facts.cost.total.macs == model["macs"]
    if "input" in model:
        assert [list(type.shape) for type in facts.network.input_types] == [model["input"]]


@pytest.mark.parametrize("model", LISTED, ids=lambda model: model["state_dict"].removesuffix(".json.gz"))
def test_the_state_dict_is_that_of_the_published_module(model: dict[str, Any]) -> None:
    """Keys, shapes and their order."""
    published = json.loads(gzip.decompress((DATA / "state_dicts" / model["state_dict"]).read_bytes()))
    module = build(facts_of(model).network, "meta")
    assert [[key, list(tensor.shape)] for key, tensor in module.state_dict().items()] == published["entries"]
    parameters = {key for key, _ in module.named_parameters()}
    buffers = [i for i, (key, _) in enumerate(published["entries"]) if key not in parameters]
    assert buffers == published["buffers"]


def test_every_list_is_compared() -> None:
    assert {model["state_dict"] for model in LISTED} == {path.name for path in (DATA / "state_dicts").glob("*.gz")}
