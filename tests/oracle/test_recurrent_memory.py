"""Predicted peaks of steps with layers that run token by token against real ones: no tolerance."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from archdsl.analyses import Facts
from archdsl.analyses.memory import TrainingSettings
from archdsl.backends.pytorch import build
from archdsl.ir import Network
from archdsl.pipeline import open_source
from archdsl.source import Source
from tests.support.live import activation_peak
from tests.support.steps import measured, predicted

torch.set_num_threads(1)

LAYERS = (
    "CELL(8) -> select(-1)",
    "linear(40) -> CELL(5, bias=false) -> linear(6) -> reduce_max(0)",
    "CELL(8, layers=2, dropout=0.3) -> reduce_max(0)",
    "linear(9) -> CELL(8, layers=3, dropout=0.3, bidirectional=true) -> select(-1)",
    "linear(40) -> CELL(3, bidirectional=true) -> permute([1, 0]) -> relu -> flatten",
    "CELL(8, layers=2, bidirectional=true, final=true) as z, s\ns -> select(0)\nadd { | s -> select(-1) }",
    "linear(8) as z\nrepeat 9 { CELL(8, bidirectional=true) -> linear(8) }\nselect(0)",
)
STARTED = (
    "CELL(8, layers=2, final=true) as z, s\nx -> CELL(8, layers=2, start=s) -> select(-1)",
    "flatten -> linear(8) -> reshape([1, 8]) as s\nx -> CELL(8, start=s) -> reduce_max(0)",
    "CELL(4, bidirectional=true, final=true) as a, s\nx -> CELL(4, bidirectional=true, start=s, final=true) as b, t\n"
    "t -> select(0)",
)
BATCHES = pytest.mark.parametrize("batch", [1, 3])
CELLS = pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])


def network(body: str, cell: str, tokens: int = 9) -> Network:
    if cell == "lstm":  # which has two states
        cells = "c" if ", s\n" in body else "s"
        body = (
            body.replace(", s\n", ", s, c\n").replace(", t\n", ", t, d\n").replace("start=s", f"start=s, cell={cells}")
        )
    text = f"network Net {{\ninput x: [{tokens}, 7]\n{body.replace('CELL', cell)}\n-> linear(3)\noutput y\n}}"
    found = open_source(Source("net.arch", text), Path()).check("Net").network
    assert found is not None
    return found


def compare(net: Network, batch: int, settings: TrainingSettings) -> None:
    assert Facts(net, batch).training(settings).status == "exact"
    assert predicted(net, batch, settings) == measured(net, batch, settings)


@BATCHES
@CELLS
@pytest.mark.parametrize("body", LAYERS + STARTED)
def test_the_peaks_of_a_step_are_the_real_ones(body: str, cell: str, batch: int) -> None:
    net = network(body, cell)
    compare(net, batch, TrainingSettings("adam"))
    if cell != "lstm":  # a CPU may have no kernel of it in half precision
        compare(net, batch, TrainingSettings(loss="mse", precision="bfloat16"))


@BATCHES
@CELLS
@pytest.mark.parametrize("body", [*LAYERS[1:6:2], STARTED[0]])
@pytest.mark.parametrize("parts", ["weight_ih", "weight_", "_hh_", "bias_", "_l0", "_l"])
def test_so_are_those_with_frozen_parts(parts: str, body: str, cell: str, batch: int) -> None:
    net = network(body, cell)
    frozen = tuple(name for name, _ in build(net).named_parameters() if parts in name)
    compare(net, batch, TrainingSettings(loss="none", freeze=frozen))


@CELLS
@pytest.mark.parametrize("tokens", [1, 2, 3, 4, 5, 6, 50])
def test_so_are_those_of_short_and_long_sequences(tokens: int, cell: str) -> None:
    for body in (LAYERS[1], LAYERS[3]):
        compare(network(body, cell, tokens), 2, TrainingSettings("momentum", zero_grad="late"))


@BATCHES
@CELLS
def test_what_nobody_reads_dies_in_all_turns(cell: str, batch: int) -> None:
    net = network("linear(7) as a\nCELL(8, layers=2) as unread\na -> select(0)", cell, 30)
    compare(net, batch, TrainingSettings("adam"))


@CELLS
@pytest.mark.parametrize("body", [LAYERS[0], LAYERS[3]])
def test_what_is_alive_at_the_peak_adds_up_to_it(body: str, cell: str) -> None:
    """Also where a turn stands for many."""
    facts = Facts(network(body, cell, 5000), 8).training(TrainingSettings("adam"))
    assert sum(alive.bytes for alive in facts.alive) == facts.activation_peak


@pytest.mark.parametrize("batch", [1, 3, 20])
@CELLS
@pytest.mark.parametrize(
    "body",
    [
        "linear(60) -> CELL(1, layers=3, bias=false)",
        "linear(20) -> CELL(5, layers=3, bias=false) -> linear(2)",
        "linear(40) -> CELL(3, layers=2, bidirectional=true, bias=false)",
        "linear(60) -> CELL(3, layers=3, bidirectional=true)",
    ],
)
def test_the_peaks_of_inference_are_the_real_ones(body: str, cell: str, batch: int) -> None:
    """Without biases an lstm makes zeros for each layer: which layer needs the most depends on the batch."""
    net = network(body, cell, tokens=5)
    assert Facts(net, batch).memory.activation_peak == activation_peak(build(net), torch.randn(batch, 5, 7))
