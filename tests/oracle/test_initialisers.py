"""Weights that start after a paper: their distribution, worked out from the fans of the layers."""

from __future__ import annotations

from collections.abc import Callable
from math import erf, exp, pi, sqrt
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import archdsl
from archdsl.backends.pytorch import INITIALISERS
from tests.support.cli import Cli

SPEC = """\
network Net {
  input image: [64, 8, 8]
  conv: conv(256, 3x3) -> bn: bn -> relu
  grouped: conv(256, 3x3, groups=4, bias=false)
  up: conv_transpose(128, 2x2, stride=2)
  flatten
  fc: linear(40)
}
"""
FANS = {"conv": (64 * 9, 256 * 9), "grouped": (64 * 9, 64 * 9), "up": (256 * 4, 128 * 4), "fc": (128 * 64, 40)}
"""Numbers that an output reads and that an input reaches, by hand, as if there were no strides."""
CUT_AT_TWO = 1 - 4 * exp(-2) / sqrt(2 * pi) / erf(2 / sqrt(2))
"""The variance of a normal distribution that is cut off at twice its deviation."""
VARIANCES = {
    "he": lambda _, out: 2 / out,
    "he-in": lambda fan_in, _: 2 / fan_in,
    "glorot": lambda fan_in, out: 2 / (fan_in + out),
    "lecun": lambda fan_in, _: 1 / fan_in,
    "krizhevsky": lambda *_: 0.01**2,
    "devlin": lambda *_: 0.02**2 * CUT_AT_TWO,
}


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("net.arch").write_text(SPEC)
    return Path("net.arch")


def weight(module: nn.Module, name: str) -> Tensor:
    found = module.get_parameter(f"{name}.weight").detach()
    assert isinstance(found, Tensor)
    return found


@pytest.mark.parametrize("way", VARIANCES)
def test_weights_have_the_variance_of_the_paper(spec: Path, way: str) -> None:
    """Within five standard errors of the mean, and of the deviation of that many numbers."""
    torch.manual_seed(0)
    module = archdsl.load(spec).to_torch("cpu", init=way)
    for name, fans in FANS.items():
        values, expected = weight(module, name), sqrt(VARIANCES[way](*fans))
        assert abs(values.mean()) < 5 * expected / sqrt(values.numel())
        assert abs(values.std() / expected - 1) < 5 / sqrt(2 * values.numel())
    if way == "devlin":
        assert 0.0399 < weight(module, "fc").abs().max() <= 0.04
    if way == "glorot":
        assert weight(module, "fc").abs().max() <= sqrt(6 / sum(FANS["fc"]))


def test_orthogonal_weights_are(spec: Path) -> None:
    flat = weight(archdsl.load(spec).to_torch("cpu", init="saxe"), "conv").flatten(1)
    torch.testing.assert_close(flat @ flat.T, torch.eye(256), atol=1e-5, rtol=0)


CHEQUERED = ", ".join('"' + "X." * 32 + '"' if row % 2 else '"' + ".X" * 32 + '"' for row in range(64))
KEEPS_VALUES = ("he-in", 2), ("lecun", 1), ("glorot", 1)
KEEPS_GRADIENTS = ("he", 2), ("glorot", 1)


def kept(layer: str, way: str) -> tuple[float, float]:
    """By what a layer of as many maps as it reads changes variances: of values, of gradients."""
    torch.manual_seed(0)
    module = archdsl.loads(f"network N {{ input x: [64, 9]; {layer} }}").to_torch("cpu", init=way)
    x = torch.randn(256, 64, 9, requires_grad=True)
    y = module(x)
    incoming = torch.randn_like(y)
    (gradient,) = torch.autograd.grad(y, x, incoming)
    return y.detach().var().item(), gradient[:, :, 4].var().item()


@pytest.mark.parametrize(
    "layer", ["conv(64, 3)", "conv(64, 3, groups=64)", "conv(64, 3, groups=4)", f"conv(64, 3, table=[{CHEQUERED}])"]
)
def test_a_layer_keeps_what_its_way_says(layer: str) -> None:
    """Whatever joins its maps: of 64 normal values in a window of 3, with variances within a fifth at so few weights."""
    for way, factor in KEEPS_VALUES:
        assert kept(layer, way)[0] == pytest.approx(factor, rel=0.2)
    for way, factor in KEEPS_GRADIENTS:
        assert kept(layer, way)[1] == pytest.approx(factor, rel=0.2)


def test_orthogonal_groups_keep_lengths() -> None:
    """Each of the four groups maps 16 values to 16 others, orthogonally by itself."""
    module = archdsl.loads("network N { input x: [64, 9]; conv(64, 1, groups=4, bias=false) }").to_torch(init="saxe")
    x = torch.randn(2, 64, 9)
    torch.testing.assert_close(module(x).norm(dim=1), x.norm(dim=1))


@pytest.mark.parametrize("way", VARIANCES)
def test_attention_starts_as_four_linear_layers(way: str) -> None:
    torch.manual_seed(0)
    module = archdsl.loads("network N { input x: [5, 64]; attention(4) }").to_torch("cpu", init=way)
    expected = sqrt(VARIANCES[way](64, 64))
    for tensor in (*module.get_parameter("0.in_proj_weight").chunk(3), module.get_parameter("0.out_proj.weight")):
        assert tensor.detach().std().item() == pytest.approx(expected, rel=5 / sqrt(2 * 64 * 64))


def test_weights_that_are_made_of_others_start_as_before() -> None:
    made = "linear(8, parametrization=weight_norm) -> linear(8, parametrization=spectral_norm)"
    net = archdsl.loads(f"network N {{ input x: [8]; {made} -> linear(2) }}")
    torch.manual_seed(0)
    plain = net.to_torch("cpu").state_dict()
    torch.manual_seed(0)
    found = net.to_torch("cpu", init="he").state_dict()
    same = {name for name, tensor in found.items() if torch.equal(tensor, plain[name])}
    assert found.keys() - same == {"2.weight", "2.bias"}


@pytest.mark.parametrize(
    ("layer", "way", "words"),
    [
        ("bn -> relu", "he", "is about convolutions, linear layers and attention, and there are none"),
        ('conv(2, 3, table=["X.", ".X"])', "saxe", "cannot be 'saxe'"),
    ],
)
def test_what_has_no_such_start(layer: str, way: str, words: str) -> None:
    net = archdsl.loads(f"network N {{ input x: [2, 9]; {layer} }}")
    with pytest.raises(ValueError, match=words):
        net.to_source(init=way)


@pytest.mark.parametrize("way", INITIALISERS)
def test_biases_and_norms_start_plainly(spec: Path, way: str) -> None:
    module = archdsl.load(spec).to_torch("cpu", init=way)
    assert not any(module.get_parameter(f"{name}.bias").any() for name in ("conv", "up", "fc", "bn"))
    assert (module.get_parameter("bn.weight") == 1).all()


def test_a_file_starts_so_by_itself(cli: Cli, spec: Path) -> None:
    assert cli("compile", spec, "--init", "he", "-o", "net.py").code == 0
    names: dict[str, type[nn.Module]] = {}
    exec(Path("net.py").read_text(), names)
    torch.manual_seed(3)
    found = names["Net"]().state_dict()
    torch.manual_seed(3)
    expected = archdsl.load(spec).to_torch("cpu", init="he").state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    assert "initialise" not in cli("compile", spec).out


def test_a_block_may_be_called_as_the_function_is() -> None:
    text = "network initialise { input x: [8]; a: { linear(4) -> relu -> linear(3) } -> linear(2) }"
    torch.manual_seed(0)
    found = archdsl.loads(text).to_torch("cpu", init="krizhevsky")
    assert 0.005 < weight(found, "a.0").std() < 0.02


@pytest.mark.parametrize("make", [archdsl.NetworkSpec.to_source, archdsl.NetworkSpec.to_torch])
def test_what_is_for_inference_has_nothing_to_start(spec: Path, make: Callable[..., object]) -> None:
    with pytest.raises(ValueError, match="`init` is about training"):
        make(archdsl.load(spec), inference=True, init="he")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--init", "kaiming"), "`--init` is no 'kaiming': he, "),
        (("--init", "he", "--inference"), "`--init` is about training"),
        (("--init", "he", "--emit", "graph"), "`--init` is about PyTorch source"),
    ],
)
def test_what_cannot_be_written(cli: Cli, spec: Path, options: tuple[str, ...], words: str) -> None:
    done = cli("compile", spec, *options)
    assert (done.code, done.out) == (2, "") and words in done.err
