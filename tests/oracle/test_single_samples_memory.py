"""A batch of one, whose axis may have any stride: what becomes of tokens that are maps and tokens again takes the bytes that
are told, and each layer for maps lays its result as it is said to."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
import torch

from archdsl.analyses import Facts
from archdsl.analyses.memory import TrainingSettings
from archdsl.backends.pytorch import build
from archdsl.ir import TensorType
from archdsl.ir.strides import CHANNELS_LAST, in_order
from archdsl.pipeline import open_source
from archdsl.source import Source
from tests.oracle.test_training_memory import written
from tests.support.calls import op_of
from tests.support.live import activation_peak, saved_bytes
from tests.support.lowered import forms, lowered
from tests.support.steps import inputs, measured, predicted

torch.set_num_threads(1)

SGD = TrainingSettings(optimizer="sgd")
TO_TOKENS, TO_MAP = "flatten(1) -> permute([1, 0])", "permute([1, 0]) -> reshape([8, 2, 2])"
NETWORKS = {
    "a view of a ReLU's result": f"input t: [4, 8]\nlinear(8) -> {TO_MAP} -> relu -> {TO_TOKENS} -> linear(8) -> flatten",
    "a batch norm": f"input t: [4, 8]\nlinear(8, bias=false) -> {TO_MAP} -> bn -> flatten -> linear(3)",
    "a convolution beside tokens": (
        f"input t: [4, 8]\nlinear(8) -> add {{ | {TO_MAP} -> conv(8, 1x1) -> {TO_TOKENS} | identity }} -> flatten"
    ),
    "a depthwise one": (
        "input t: [36, 16]\nlinear(16) -> add { | permute([1, 0]) -> reshape([16, 6, 6]) -> depthwise(3x3, pad=1)"
        f" -> {TO_TOKENS} | identity }} -> flatten -> linear(3)"
    ),
    "a ReLU of normalized tokens": f"input t: [4, 8]\nln -> {TO_MAP} -> relu -> {TO_TOKENS} -> flatten",
    "a group norm": (
        f"input t: [4, 8]\nlinear(8) -> {TO_MAP}\n"
        f"add {{ | identity | {TO_TOKENS} -> linear(8) -> {TO_MAP} }}\ngn(2) -> flatten"
    ),
    "turns": f"input t: [4, 8]\nfor i in 0..<40 {{ linear(8) -> {TO_MAP} -> relu -> {TO_TOKENS} }}\nflatten",
}
OF_MAPS = (
    "relu", "sigmoid", "conv(8, 1x1)", "gelu", "bn", "gn(2)", TO_TOKENS, TO_TOKENS, TO_TOKENS, "drop_path(0.1)",
    "multiply { | identity | sigmoid }", f"add {{ | identity | {TO_TOKENS} -> linear(8) -> {TO_MAP} }}",
    "maxpool(3x3, stride=1, pad=1)", "concat { | identity | relu } -> conv(8, 1x1)",
)  # fmt: skip
OF_TOKENS = (
    "relu", "linear(8)", "linear(8, bias=false)", "ln", "gelu", TO_MAP, TO_MAP, "dropout(0.1)", "attention(2)",
    "add { | identity | linear(8) }", f"add {{ | {TO_MAP} -> conv(8, 1x1) -> {TO_TOKENS} | identity }}",
)  # fmt: skip


def chain(seed: int) -> str:
    random, is_map = Random(seed), True
    lines = ["input image: [8, 2, 2]"]
    for _ in range(random.randint(4, 9)):
        lines.append(random.choice(OF_MAPS if is_map else OF_TOKENS))
        is_map = lines[-1] == TO_MAP or (is_map and lines[-1] != TO_TOKENS)
    return "\n".join([*lines, "flatten -> linear(3)"])


@pytest.mark.parametrize("text", [*NETWORKS.values(), *map(chain, range(40))], ids=[*NETWORKS, *map(str, range(40))])
def test_a_single_sample_takes_what_it_really_does(text: str) -> None:
    net = written(f"{text} as y")
    facts, module, data = Facts(net, 1), build(net), inputs(net, 1)
    assert facts.training(SGD).status == "exact"
    assert facts.memory.activation_peak == activation_peak(module, *data)
    assert facts.memory.saved.bytes == saved_bytes(module, *data)
    assert predicted(net, 1, SGD) == measured(net, 1, SGD)


LAYERS = (
    "bn", "gn(1)", "conv(8, 3, pad=1)", "conv(4, 1)", "conv(4, 5, pad=2)", "depthwise(3, pad=1)",
    "conv_transpose(8, 2, stride=2)", "maxpool(1)", "avgpool(1)", "adaptive_avgpool(2)", "upsample(2)", "pad(1)",
    "concat", "relu",
)  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_layers_for_maps_lay_their_results_as_pytorch_does(name: str) -> None:
    """Axes of size 1 have strides of all kinds."""
    random = Random(name)
    layer = op_of(name)
    for _ in range(150):
        rank = random.choice([2, 2, 3])
        sizes = (random.choice([1, 1, 2]), random.choice([1, 4, 8]), *(random.choice([1, 2, 3]) for _ in range(rank)))
        order = random.choice([CHANNELS_LAST[rank + 2], CHANNELS_LAST[rank + 2], (1, 0, *range(2, rank + 2))])
        strides = [*in_order(sizes, order)]
        for axis in [a for a, n in enumerate(sizes) if n == 1 and random.random() < 0.6]:
            strides[axis] = random.choice([1, 4, 8, max(strides), 3 * max(strides), sizes[-1]])
        x = TensorType(sizes[1:], strides=tuple(strides), samples=sizes[0])
        if name in ("bn", "gn(1)") and 1 in (x.numel, sizes[0] * x.numel // sizes[1]):
            continue  # one value for each channel, or for each group
        (found,) = layer.infer(x)
        y = lowered(layer, x, form=forms(layer, x)[0])(torch.empty_strided(sizes, strides).normal_())
        assert found.tensor_strides == y.stride(), f"{sizes} {strides}"


@pytest.mark.parametrize(
    "equation, left, right",
    [("t c, v c -> t v", "[T, 8]", "[5, 8]"), ("h t c, h s c -> h t s", "[2, T, 8]", "[2, T, 8]")],
)
def test_products_of_one_row_are_allowed(equation: str, left: str, right: str) -> None:
    text = f'network N {{\ninput x: {left}\ninput y: {right}\neinsum("{equation}") {{ | x | y }}\n}}'
    spec = open_source(Source("net.arch", text), Path())
    checked = spec.check("N")
    assert checked.formulas is not None and checked.formulas.domain is not None
    assert checked.formulas.domain.conditions == []
    for rows in (1, 3):
        net = spec.check("N", checked.settings.at({"T": rows})).network
        assert net is not None
        for batch in (1, 2):
            assert Facts(net, batch).memory.activation_peak == activation_peak(build(net), *inputs(net, batch))
