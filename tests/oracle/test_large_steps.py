"""Predicted peaks of steps that take too much memory or time for a test: kernels compute nothing, the rest is PyTorch's own."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path

import pytest
import torch

from archdsl.analyses import Facts
from archdsl.analyses.memory import TrainingSettings
from archdsl.ir import Network
from archdsl.pipeline import open_spec
from tests.support.hollow import hollow_kernels
from tests.support.steps import measured, predicted

torch.set_num_threads(1)
SPECS = Path(__file__).parents[2] / "specs"
SETTINGS = (
    TrainingSettings("adam", implementation="foreach"),
    TrainingSettings("momentum", zero_grad="late"),
    TrainingSettings("adamw", precision="bfloat16", implementation="fused"),
    TrainingSettings("rmsprop", accumulate=2),
    TrainingSettings("sgd", precision="bf16-mixed", autocast="cpu"),
)


def network(name: str) -> Network:
    """The first of a spec."""
    spec = open_spec(SPECS / f"{name}.arch")
    found = spec.check(next(iter(spec.networks))).network
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "settings"), [*zip(sorted(path.stem for path in SPECS.glob("*.arch")), cycle(SETTINGS), strict=False)]
)
def test_the_peaks_of_a_large_batch_are_the_real_ones(name: str, settings: TrainingSettings) -> None:
    net = network(name)
    if Facts(net, 32).training(settings).status == "exact":
        with hollow_kernels():
            real = measured(net, 32, settings)
        assert predicted(net, 32, settings) == real


@pytest.mark.parametrize("name", ["lenet", "mobilenet", "resnet_cifar"])
def test_kernels_that_compute_nothing_take_the_same_bytes(name: str) -> None:
    net, settings = network(name), TrainingSettings("adam")
    real = measured(net, 2, settings)
    with hollow_kernels():
        assert measured(net, 2, settings) == real
    assert measured(net, 2, settings) == real
