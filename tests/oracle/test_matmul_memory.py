"""Products with one matrix for all samples: PyTorch takes another way where that requires a gradient. No tolerance."""

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
from tests.oracle.test_training_memory import written
from tests.support.live import activation_peak
from tests.support.steps import measured, predicted

torch.set_num_threads(1)

MATRICES = {
    "learned": "w: parameter([5, 5], init=ones) as w",
    "a view of what is learned": "w: parameter([5, 5], init=ones) -> permute([1, 0]) as w",
    "one for each sample, learned": "w: parameter([1, 5, 5], init=ones) as w",
    "constant": 'w: constant([5, 5], "1.0 * i * j") as w',
    "one for each sample, constant": 'w: constant([1, 5, 5], "1.0 * j * k") as w',
    "computed": "w: parameter([5, 5], init=ones) -> scale(2) as w",
    "detached": "w: parameter([5, 5], init=ones) -> detach as w",
}
VALUES = {
    "in order": ("[5, 5]", "identity"),
    "permuted": ("[5, 5]", "permute([1, 0])"),
    "of several axes": ("[3, 5, 5]", "permute([0, 2, 1])"),
    "with gaps": ("[5, 7]", "slice(1, 6, -1)"),
}
BATCHES = pytest.mark.parametrize("batch", [1, 3])
SIDES = pytest.mark.parametrize("sides", ["w | x", "x | w"])


def product(matrix: str, value: str, sides: str, *, is_called: bool = False) -> Network:
    """A matrix before or behind a value, in a block where it is called."""
    shape, view = VALUES[value]
    block = f"block joined(w: tensor) {{ matmul {{ | {sides.replace('x', 'identity')} }} }}" if is_called else ""
    last = "x -> joined(w)" if is_called else f"matmul {{ | {sides} }}"
    text = f"""
        {block}
        network Net {{
          input image: {shape}
          {MATRICES[matrix]}
          image -> linear({shape.strip("[]").split(", ")[-1]}) -> {view} as x
          {last} -> permute([{"0, 2, 1" if shape.count(",") > 1 else "1, 0"}]) -> linear(3)
          output y
        }}"""
    found = open_source(Source("net.arch", text), Path()).check("Net").network
    assert found is not None
    return found


@BATCHES
@SIDES
@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("matrix", MATRICES)
def test_peaks_are_the_real_ones(matrix: str, value: str, sides: str, batch: int) -> None:
    for is_called in (False, True):
        net = product(matrix, value, sides, is_called=is_called)
        given = torch.randn(batch, *net.input_types[0].shape)
        assert Facts(net, batch).memory.activation_peak == activation_peak(build(net), given)


@BATCHES
@SIDES
@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("matrix", MATRICES)
def test_so_are_those_of_a_step(matrix: str, value: str, sides: str, batch: int) -> None:
    net = product(matrix, value, sides)
    for frozen in ((), ("w",)) if any(name == "w" for name, _ in build(net).named_parameters()) else ((),):
        settings = TrainingSettings(loss="mse", freeze=frozen)
        assert Facts(net, batch).training(settings).status == "exact" or "detach" in MATRICES[matrix]
        assert predicted(net, batch, settings) == measured(net, batch, settings)


@pytest.mark.parametrize("batch", [1, 2, 5])
@pytest.mark.parametrize(
    "body",
    [
        "input x: [1, 4]\nw: parameter([3, 4], init=ones) -> permute([1, 0]) as w\nmatmul { | x | w }",
        "input x: [1, 2, 8]\nw: parameter([8, 3], init=ones) -> permute([1, 0]) as w\n"
        "x -> permute([0, 2, 1]) as z\nmatmul { | w | z }",
        "input x: [1, 8, 2]\nw: parameter([1, 6, 8], init=ones) as w\nx -> scale(2) as z\nmatmul { | w | z }",
    ],
)
def test_gradients_of_matrices_lie_as_these_do(body: str, batch: int) -> None:
    """By columns where the matrix does, so a parameter takes the gradient of its view over; that of a matrix with fewer axes
    than the other factor is summed first."""
    net = written(body)
    settings = TrainingSettings(loss="mse")
    assert predicted(net, batch, settings) == measured(net, batch, settings)
