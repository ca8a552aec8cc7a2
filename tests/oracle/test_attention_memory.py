"""Predicted peaks of training steps with attention against real ones: no tolerance."""

from __future__ import annotations

import pytest
import torch

from archdsl.analyses import Facts
from archdsl.analyses.memory import TrainingSettings
from archdsl.ir import Network
from tests.oracle.test_training_memory import written
from tests.support.steps import measured, predicted

torch.set_num_threads(1)
WITHIN = {
    "bare": "input x: [5, 8]\nattention(2)",
    "one head": "input x: [5, 8]\nattention(1)",
    "no bias": "input x: [5, 8]\nlinear(8) -> attention(2, bias=false) -> linear(3)",
    "causal": "input x: [5, 8]\nlinear(8) -> attention(2, causal=true) -> linear(3)",
    "dropout": "input x: [5, 8]\nattention(2, dropout=0.1) -> linear(3)",
    "causal with dropout": "input x: [9, 2]\nlinear(2) -> attention(1, dropout=0.1, causal=true) -> linear(3)",
    "bare, causal with dropout": "input x: [5, 8]\nattention(2, dropout=0.1, causal=true)",
    "all dropped": "input x: [9, 2]\nlinear(2) -> attention(2, dropout=1, bias=false)",
    "one token": "input x: [1, 8]\nlinear(8) -> attention(2, dropout=0.1) -> attention(4) -> linear(3)",
    "permuted": "input x: [8, 5]\nlinear(5) -> permute([1, 0]) -> attention(2) -> attention(2) -> linear(3)",
}
CROSSED = {
    "of two values": (5, 7, "m -> linear(8) as y\nx -> linear(8) -> attention(2, kv=y) -> linear(3)"),
    "of inputs": (5, 7, "x -> attention(2, kv=m)"),
    "without a gradient of queries": (5, 7, "m -> linear(8) as y\nx -> attention(4, kv=y, bias=false) -> linear(3)"),
    "without one of keys": (9, 2, "x -> linear(8) -> attention(4, kv=m, bias=false) -> linear(3)"),
    "with dropout": (4, 15, "m -> linear(8) as y\nx -> attention(2, kv=y, dropout=0.2)"),
    "of many queries, with dropout": (20, 2, "m -> linear(8) as y\nx -> linear(8) -> attention(2, kv=y, dropout=0.2)"),
    "of one token": (3, 1, "m -> linear(8) as y\nx -> linear(8) -> attention(2, kv=y)"),
    "of one token to one": (1, 1, "m -> linear(8) as y\nx -> linear(8) -> attention(2, kv=y, dropout=0.2)"),
    "one head": (1, 6, "m -> linear(8) as y\nx -> linear(8) -> attention(1, kv=y) -> linear(3)"),
    "a decoder": (
        5,
        7,
        """
        m -> linear(8) as y
        x -> linear(8) as z -> attention(2, kv=y, dropout=0.5, bias=false) as a
        add(a, z) -> ln -> attention(8, kv=y, dropout=1) -> linear(3)
        """,
    ),
}
PLAIN = TrainingSettings(loss="mse")
SETTINGS = [
    PLAIN,
    PLAIN._replace(precision="bfloat16"),
    PLAIN._replace(accumulate=2),
    PLAIN._replace(frozen=("*.in_proj*",)),
    PLAIN._replace(frozen=("*.in_proj_weight", "*.out_proj.weight")),
    PLAIN._replace(frozen=("*.out_proj*",)),
]


def crossed(name: str) -> Network:
    tokens, others, body = CROSSED[name]
    return written(f"input x: [{tokens}, 8]\ninput m: [{others}, 8]\n{body}")


def check(net: Network, batch: int) -> None:
    for settings in SETTINGS:
        assert Facts(net, batch).training(settings).status == "exact"
        assert predicted(net, batch, settings) == measured(net, batch, settings), settings


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", WITHIN)
def test_the_peaks_of_attention_are_the_real_ones(name: str, batch: int) -> None:
    check(written(WITHIN[name]), batch)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", CROSSED)
def test_so_are_those_of_attention_to_other_tokens(name: str, batch: int) -> None:
    check(crossed(name), batch)


@pytest.mark.parametrize("kv", ["x", "z"])
def test_attention_to_the_same_value_by_another_name_is_estimated(kv: str) -> None:
    """The module tells whether queries and keys are one tensor, which types do not say."""
    net = written(f"input x: [5, 8]\nx -> linear(8) as z -> attention(2, kv={kv})")
    assert Facts(net, 2).training(PLAIN).status == ("estimate" if kv == "z" else "exact")
