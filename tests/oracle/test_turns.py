"""Loops of many turns, of which one stands for most, against the real module and a real training step."""

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
from tests.support.steps import measured, predicted

torch.set_num_threads(1)
LOOPS = {
    "blocks": "layers: { repeat 300 { res } }",
    "a long sequence": "repeat 300 { conv(4, 1x1) -> relu }",
    "loops in loops": "repeat 2 { repeat 300 { conv(4, 1x1) }\nadd { | in | relu } }",
}
PLAIN = TrainingSettings()


def network(name: str) -> Network:
    text = "block res { add { | in -> conv(4, 3x3, pad=1) -> bn | in } -> relu }\n"
    text += f"network A {{\ninput image: [4, 6, 6]\n{LOOPS[name]}\nflatten -> linear(3)\n}}\n"
    found = open_source(Source("case.arch", text), Path()).check("A").network
    assert found is not None and len(Facts(found).flat.layers) < 100
    return found


@pytest.mark.parametrize("name", LOOPS)
def test_the_module_has_every_turn(name: str) -> None:
    net = network(name)
    module = build(net)
    facts = Facts(net)
    assert sum(p.numel() for p in module.parameters()) == facts.cost.total.params
    assert sum(p.nbytes for p in module.parameters()) == facts.memory.parameters
    assert module(torch.zeros(2, 4, 6, 6)).shape == (2, 3)


@pytest.mark.parametrize("settings", [PLAIN, TrainingSettings(optimizer="adam", zero_grad="late")])
@pytest.mark.parametrize("name", LOOPS)
def test_the_peaks_of_a_step_are_the_real_ones(name: str, settings: TrainingSettings) -> None:
    net = network(name)
    assert predicted(net, 2, settings) == measured(net, 2, settings)
