"""Networks that a person wrote by hand from the papers take what archdsl says of their specs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from archdsl.analyses import Facts
from archdsl.analyses.memory import TrainingSettings
from archdsl.ir import Network
from archdsl.pipeline import open_spec
from tests.support.handwritten import NETWORKS
from tests.support.live import saved_bytes
from tests.support.steps import inputs, measured_of, predicted

torch.set_num_threads(1)

FOLDER = Path(__file__).parents[1] / "data" / "outside"
SETTINGS = {
    "sgd": TrainingSettings(),
    "adam": TrainingSettings("adam"),
    "momentum": TrainingSettings("momentum", accumulate=2),
    "adamw": TrainingSettings("adamw", implementation="foreach", precision="bfloat16"),
}


def pair(name: str) -> tuple[Network, nn.Module]:
    file, network = name.split(":")
    found = open_spec(FOLDER / f"{file}.arch").check(network).network
    assert found is not None
    torch.manual_seed(0)
    return found, NETWORKS[name]()


@pytest.mark.parametrize("name", NETWORKS)
def test_shapes_parameters_and_multiply_adds(name: str) -> None:
    net, module = pair(name)
    facts = Facts(net)
    assert sum(p.numel() for p in module.parameters()) == facts.cost.total.params
    with FlopCounterMode(display=False) as counter:
        found = module.eval()(*inputs(net, 1))
    assert found.shape[1:] == net.outputs[0].value.type.shape
    assert counter.get_total_flops() == facts.cost.total.flops


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_kept_for_backward(name: str) -> None:
    net, module = pair(name)
    for batch in (2, 3):
        assert saved_bytes(module, *inputs(net, batch)) == Facts(net, batch).memory.saved.bytes


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("name", NETWORKS)
def test_the_peaks_of_a_step(name: str, settings: TrainingSettings) -> None:
    net, module = pair(name)
    assert measured_of(module, net, 2, settings) == predicted(net, 2, settings)
