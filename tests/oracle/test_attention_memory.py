"""Predicted peaks of training steps with attention against real ones: no tolerance."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from archdsl.analyses import Facts
from archdsl.analyses.memory import TrainingSettings
from archdsl.backends.pytorch import build
from archdsl.ir import Network
from tests.oracle.test_training_memory import written
from tests.support.live import activation_peak, saved_bytes
from tests.support.steps import inputs, measured, predicted

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
    "of few tokens": (5, 5, "x -> attention(4, kv=m)"),
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
    PLAIN._replace(freeze=("*.in_proj*",)),
    PLAIN._replace(freeze=("*.in_proj_weight", "*.out_proj.weight")),
    PLAIN._replace(freeze=("*.out_proj*",)),
]


def crossed(name: str) -> Network:
    tokens, others, body = CROSSED[name]
    return written(f"input x: [{tokens}, 8]\ninput m: [{others}, 8]\n{body}")


def check(net: Network, batch: int, given: Sequence[TrainingSettings] = SETTINGS) -> None:
    for settings in given:
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


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", WITHIN)
def test_so_are_those_under_autocast(name: str, batch: int) -> None:
    """The last weights are cast when queries, keys and values are gone, what came in is let go of before that, and a mask is as
    precise as what came in."""
    check(written(WITHIN[name]), batch, [s._replace(precision="bf16-mixed", autocast="cpu") for s in SETTINGS])


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("kv", ["x", "z"])
def test_attention_to_the_same_value_by_another_name_is_to_other_tokens(kv: str, batch: int) -> None:
    check(written(f"input x: [5, 8]\nx -> linear(8) as z -> attention(2, kv={kv})"), batch)


TOKENS = "linear(48) -> reshape([5, 3, 4, 4]) -> permute([1, 2, 0, 3]) -> unbind(0) as q, k, v"
WINDOWS = "linear(48) -> reshape([2, 5, 3, 4, 4]) -> permute([2, 0, 3, 1, 4]) -> unbind(0) as q, k, v"
SDPA = {
    "tokens": f"input x: [5, 16]\n{TOKENS}\nsdpa {{ | q | k | v }} -> permute([1, 0, 2]) -> reshape([5, 16])",
    "a mask": f'input x: [5, 16]\n{TOKENS}\nm: constant([5, 5], "i >= j") as m\nsdpa {{ | q | k | v | m }}',
    "a bias": f"input x: [5, 16]\n{TOKENS}\nm: parameter([4, 5, 5]) as m\nsdpa {{ | q | k | v | m }} -> linear(3)",
    "windows": f"input x: [2, 5, 16]\n{WINDOWS}\nsdpa {{ | q | k | v }} -> linear(3)",
    "windows, a bias and dropout": f"""
        input x: [2, 5, 16]
        {WINDOWS}
        m: parameter([4, 5, 5]) as m
        sdpa(dropout=0.1) {{ | q | k | v | m }} -> permute([0, 2, 1, 3]) -> reshape([2, 5, 16]) -> linear(3)
        """,
    "windows, each with its mask": f"""
        input x: [2, 5, 16]
        {WINDOWS}
        m: constant([2, 1, 5, 5], "i + k >= m") as m
        sdpa(dropout=1) {{ | q | k | v | m }} -> linear(3)
        """,
    "dropout": """
        input x: [4, 5, 4]
        input y: [4, 7, 4]
        x -> linear(4) as q
        y -> linear(4) as k
        sdpa(dropout=0.2) { | q | k | k } -> linear(3)
        """,
    "shared keys, a mask and dropout": """
        input x: [4, 5, 4]
        input y: [2, 7, 4]
        x -> linear(4) as q
        y -> linear(4) as k
        m: constant([5, 7], "i >= j") as m
        sdpa(dropout=0.2) { | q | k | k | m } -> linear(3)
        """,
    "permuted features and dropout": """
        input x: [4, 5, 4]
        input y: [4, 4, 7]
        y -> linear(7) -> permute([0, 2, 1]) as k
        sdpa(dropout=0.2, causal=true) { | x | k | k } -> linear(3)
        """,
    "wide values": """
        input x: [4, 5, 4]
        input y: [2, 7, 6]
        x -> linear(4) as q
        y -> linear(4) as k
        y -> linear(9) as v
        m: parameter([4, 5, 7]) as m
        sdpa(dropout=0.3, scale=0.5) { | q | k | v | m } -> linear(3)
        """,
    "no gradient of queries": """
        input x: [4, 5, 4]
        input y: [4, 7, 6]
        y -> linear(4) as k
        y -> linear(2) as v
        m: constant([5, 7], "i >= j") as m
        sdpa { | x | k | v | m } -> linear(3)
        """,
    "a gradient of the bias alone": """
        input x: [4, 15, 4]
        input y: [4, 3, 4]
        input z: [4, 3, 7]
        m: parameter([4, 15, 3]) as m
        sdpa(dropout=0.4) { | x | y | z | m } -> linear(3)
        """,
    "a bias that is made": """
        input x: [4, 6, 8]
        x -> ln as q
        x -> ln -> linear(6) as bias
        sdpa { | q | q | q | bias }
        """,
    "a bias that is made of the queries, which go on beside": """
        input x: [16, 24]
        x -> linear(24) -> reshape([16, 2, 12]) -> permute([1, 0, 2]) as q
        x -> linear(24) -> reshape([16, 2, 12]) -> permute([1, 0, 2]) as k
        q -> reshape([2, 4, 4, 12]) as map
        rows: parameter([4, 4, 12]) as of_rows
        columns: parameter([4, 4, 12]) as of_columns
        einsum("y h w c, h k c -> y h w k") { | map | of_rows } -> reshape([2, 16, 4, 1]) as high
        einsum("y h w c, w k c -> y h w k") { | map | of_columns } -> reshape([2, 16, 1, 4]) as wide
        add { | high | wide } -> reshape([2, 16, 16]) as bias
        sdpa { | q | k | k | bias } -> add(q) -> permute([1, 0, 2]) -> reshape([16, 24]) -> linear(24)
        """,
}


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", SDPA)
def test_so_are_those_of_sdpa(name: str, batch: int) -> None:
    others = PLAIN._replace(precision="bfloat16"), PLAIN._replace(optimizer="adam", accumulate=2)
    check(written(SDPA[name]), batch, [PLAIN, *others])


OF_DROPPED = (
    "permute([1, 0, 2]) -> reshape([5, 16]) -> linear(3)",
    "permute([1, 0, 2]) -> relu -> reshape([5, 16]) -> linear(3)",
    "relu -> permute([1, 0, 2]) -> flatten(1) -> sigmoid",
)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("behind", OF_DROPPED)
def test_what_is_behind_sdpa_with_dropout_is_copied_in_training(behind: str, batch: int) -> None:
    """In inference its kernel lays the result as queries lie, and what is behind it is a view; the steps in training do not."""
    net = written(f"input x: [5, 16]\na: {{\n{TOKENS}\nsdpa(dropout=0.1) {{ | q | k | v }} -> {behind} }}")
    check(
        net, batch, [PLAIN, PLAIN._replace(optimizer="adam", checkpoint=("a",)), PLAIN._replace(freeze=("a.0.weight",))]
    )
    data = inputs(net, batch)
    assert Facts(net, batch).memory.saved.bytes == saved_bytes(build(net).train(), *data)
    assert Facts(net, batch).memory.activation_peak == activation_peak(build(net), *data)
