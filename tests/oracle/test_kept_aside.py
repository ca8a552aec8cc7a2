"""Inferences and steps of small networks that nothing was fitted to, and of the operators in which they differed, for real."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path

import pytest
import torch

from archdsl.analyses import Facts
from archdsl.analyses.memory import TrainingSettings
from archdsl.backends.pytorch import build
from archdsl.ir import Network
from archdsl.pipeline import open_source, open_spec
from archdsl.source import Source
from tests.support.live import activation_peak, saved_bytes
from tests.support.steps import inputs, measured, predicted

torch.set_num_threads(1)
FOLDER = Path(__file__).parents[1] / "data" / "outside"
NETWORKS = (
    "bisenet",
    "coordinate_attention",
    "danet",
    "highway",
    "hourglass",
    "informer",
    "involution",
    "maxout",
    "octave",
    "perceiver",
    "resnest",
    "emanet",
    "slot_attention",
)
OF_SEVERAL = ("bisenet", "resnest")
"""They have batch norms of single pixels, which PyTorch does not train with one sample."""
SETTINGS = (
    TrainingSettings("adam", implementation="foreach"),
    TrainingSettings("momentum", zero_grad="late", loss="none"),
    TrainingSettings("adamw", precision="bfloat16", implementation="fused"),
    TrainingSettings("sgd", precision="bf16-mixed", autocast="cpu", loss="mse"),
    TrainingSettings("rmsprop", accumulate=2),
)


def check_inference(network: Network, batch: int) -> None:
    facts = Facts(network, batch).memory
    assert facts.activation_peak == activation_peak(build(network), *inputs(network, batch))
    assert facts.saved.bytes == saved_bytes(build(network), *inputs(network, batch))


def check_step(network: Network, batch: int, settings: TrainingSettings) -> None:
    if Facts(network, batch).training(settings).status == "exact":
        assert predicted(network, batch, settings) == measured(network, batch, settings)


@pytest.mark.parametrize(("name", "settings"), [*zip(NETWORKS, cycle(SETTINGS), strict=False)])
def test_networks_take_what_is_said(name: str, settings: TrainingSettings) -> None:
    spec = open_spec(FOLDER / f"{name}.arch")
    network = spec.check(next(iter(spec.networks))).network
    assert network is not None
    check_inference(network, 2)
    for batch in (1, 2):
        if name not in OF_SEVERAL or batch > 1:
            check_step(network, batch, TrainingSettings())
    check_step(network, 2, settings)


NO_LOSS = TrainingSettings(loss="none")
MIXED = TrainingSettings(precision="bf16-mixed", autocast="cpu", loss="none")
STEPS = {
    "a group norm reads what comes in out of order": (
        "[4, 5, 6]",
        "conv(4, 1) -> gn(2) -> permute([1, 2, 0])",
        NO_LOSS,
    ),
    "a group norm reads one number, repeated": ("[4, 3, 3, 3]", "conv(4, 1) -> gn(2)", NO_LOSS),
    "a matrix by columns has a gradient by columns": (
        "[4, 5, 6]",
        "linear(6) -> add { | identity | linear(6) } -> permute([1, 2, 0]) -> linear(3)",
        NO_LOSS,
    ),
    "a frozen layer copies what lies out of order": (
        "[2, 3, 4, 5]",
        "linear(5) -> permute([3, 0, 2, 1]) -> last: linear(3)",
        TrainingSettings(freeze=("last",)),
    ),
    "factors are kept until their own product is derived": (
        "[4, 5]",
        "multiply { | a: parameter([1, 4, 1], std=1) | multiply { | x | b: parameter([4, 1]) } | x }",
        NO_LOSS._replace(loss="mse"),
    ),
    "a learned value and its length give it one gradient": (
        "[4, 5]",
        "linear(5) -> add { | identity | a: parameter([4, 5], std=1) -> l2_normalize }",
        TrainingSettings("adam", loss="none"),
    ),
    "what is learned is changed as it is": (
        "[4, 5]",
        "linear(5) -> add { | identity | a: parameter([5, 4]) -> exp -> permute([1, 0]) }",
        MIXED,
    ),
    "a zero has the type of values": ("[4, 5, 5]", "linear(5) -> clamp(0, 1) -> linear(5)", MIXED),
    "an optimizer goes through shared layers where they are declared": (
        "[6]",
        "shared a = linear(9)\n shared b = linear(6)\n x -> b -> a -> linear(6) -> b -> linear(3)",
        TrainingSettings("adam"),
    ),
    "a shared sum is not in place where one use of it is not": (
        "[3, 4]",
        "shared u = { add { | square | p: parameter([3, 4], std=1) } -> linear(4) }\n"
        "x -> slice(0, 1) -> u -> add { | identity | x -> u }",
        NO_LOSS,
    ),
    "a single number is compared by its square": ("[6]", "linear(1) -> select(0) -> sigmoid", TrainingSettings("adam")),
    "what was repeated for a single sample has a gradient as it comes": (
        "[4, 6]",
        "places: parameter([1, 4, 2]) -> expand(like=x) as places\n concat(axis=-1) { | x -> linear(6) | places }",
        TrainingSettings("momentum", zero_grad="late", loss="none"),
    ),
    "queries that are not learned leave no number": (
        "[3, 5, 4]",
        "sdpa { | x | k: linear(4) | v: linear(4) | bias: parameter([3, 5, 5], std=1) }",
        NO_LOSS,
    ),
}


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", STEPS)
def test_steps_with_an_operator_take_what_is_said(name: str, batch: int) -> None:
    shape, body, settings = STEPS[name]
    network = network_of(shape, body)
    assert Facts(network, batch).training(settings).status == "exact"
    check_step(network, batch, settings)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(
    ("shape", "body"),
    [
        ("[3, 8]", "linear(8) -> maxpool(3, 2, pad=1, round=ceil) -> sigmoid"),
        ("[4, 6]", "linear(6) -> permute([1, 0]) -> linear(9) -> relu"),
        ("[4, 6]", "linear(12) -> split(2, axis=-1) as a, b; b -> linear(3) -> linear(3)"),
        ("[4, 6]", "linear(6) -> scale(0.5) -> softsign -> shift(1) -> average(x)"),
        ("[4, 3]", "linear(3) -> gru(5) -> linear(2)"),
        ("[3, 6, 6]", "conv(3, 1) -> unfold(3, pad=1) -> fold(3, pad=1, to=6)"),
        ("[1, 4]", "linear(4) -> attention(1) -> relu"),
        ("[4, 6]", "linear(6) -> lrn(3) -> tanh(gain=1.7159, slope=2/3)"),
    ],
)
def test_inferences_with_an_operator_take_what_is_said(shape: str, body: str, batch: int) -> None:
    check_inference(network_of(shape, body), batch)


def network_of(shape: str, body: str) -> Network:
    text = f"network Net {{ input x: {shape}\n {body} }}"
    found = open_source(Source("test.arch", text), Path()).check("Net").network
    assert found is not None
    return found
