"""Modules of open sizes, run at others than they were written for: right, or an error, but never samples mixed."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import archdsl

SHAPES = {
    "reshape([T, 1])": ("[T]", lambda x: x.unsqueeze(2)),
    "reshape([1, T])": ("[T]", lambda x: x.unsqueeze(1)),
    "reshape([1, T, 1])": ("[T]", lambda x: x.unsqueeze(1).unsqueeze(3)),
    "reshape([4, T, 1])": ("[4, T]", lambda x: x.unsqueeze(3)),
    "reshape([T, 1, 4])": ("[T, 4]", lambda x: x.unsqueeze(2)),
    "reshape([4, T])": ("[4, 1, T, 1]", lambda x: x.squeeze(4).squeeze(2)),
}


@pytest.mark.parametrize("chain", ["{}", "relu -> {} -> relu"])
@pytest.mark.parametrize("written", SHAPES)
def test_axes_of_one_come_and_go_at_any_size(written: str, chain: str) -> None:
    """PyTorch's own `unsqueeze` and `squeeze` say what the result is."""
    shape, expected = SHAPES[written]
    net = archdsl.loads(f"network N {{ input x: {shape}; {chain.format(written)} }}", T=6)
    assert "Reshape" not in net.to_source()
    module = net.to_torch("cpu")
    for tokens in (6, 12):
        x = torch.rand(2, *(tokens if size == 6 else size for size in net.inputs["x"]))
        found: Tensor = module(x)
        torch.testing.assert_close(found, expected(x))


@pytest.mark.parametrize("chain", ["{}", "x -> {} as y; add {{ | y | y }}"])
def test_a_shape_that_does_not_fit_takes_no_elements_of_another_sample(chain: str) -> None:
    written = chain.format("reshape([4, 6])")
    module = archdsl.loads(f"network N {{ input x: [6, 4]; {written} }}").to_torch("cpu")
    x = torch.rand(2, 6, 4)
    torch.testing.assert_close(module(x), x.reshape(2, 4, 6) * (2 if "add" in chain else 1))
    with pytest.raises(RuntimeError, match="invalid for input of size"):
        module(torch.rand(2, 12, 4))


def test_what_a_shape_is_asked_of_is_computed_once() -> None:
    net = archdsl.loads("network N { input x: [6, 4]; linear(4) -> reshape([4, 6]) as y; add { | y | y } }")
    assert net.to_source().count('self["0"](x)') == 1
