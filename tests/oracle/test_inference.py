"""The network for inference gives what the one for training gives in evaluation mode, with its weights folded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import archdsl
from archdsl.backends.pytorch import build, emit, fold
from archdsl.ir import Network, Op
from archdsl.ops import catalogue
from archdsl.pipeline import open_source, open_spec
from archdsl.source import Source
from tests.support.lowered import tensors
from tests.support.random_networks import random_network
from tests.unit.test_emit import ruff

torch.set_num_threads(1)
ROOT = Path(__file__).parents[2]
NORM = nn.modules.batchnorm._BatchNorm
LEFT = {
    "resnet.arch:ResNet18": 0,
    "mobilenet_v2.arch:MobileNetV2": 0,
    "mobilenet_v3.arch:MobileNetV3Small": 0,
    "efficientnet.arch:EfficientNetB0": 0,
    "googlenet.arch:GoogLeNetTorchvisionAux": 0,
    "resnet_cifar.arch:ResNet110e": 55,
    "densenet.arch:DenseNetCifarBC100_12": 51,
}
"""Batch norms that stay, since they do not stand right behind a layer. Of ResNet110e the first of each of 54 units and the
last; of the DenseNet the first of each of 48 layers, two in transitions and the last."""
FOLDING = {
    "linear": ("(6)",),
    "conv": ("(6, 3)", "(6, 3, 2, pad=same)", "(4, 2, groups=4)", "(6, 2, groups=2)"),
    "depthwise": ("(3)", "(2, 2, multiplier=3)"),
    "conv_transpose": ("(6, 3)", "(4, 4, 2, pad=1)", "(6, 2, 2, groups=2)", "(4, 3, groups=4, dilation=2)"),
}
"""Layers that take up a norm behind them, on 4 maps of any number of axes."""


def network(text: str) -> Network:
    found = open_source(Source("test.arch", text), ROOT).check("N")
    assert found.network is not None, found.problems
    return found.network


def stir(module: nn.Module) -> nn.Module:
    """Norms as they are after training: statistics and weights that are not those they start with."""
    torch.manual_seed(0)
    for norm in module.modules():
        if isinstance(norm, NORM):
            assert norm.running_mean is not None
            assert norm.running_var is not None
            nn.init.normal_(norm.running_mean, 0.0, 0.3)
            nn.init.uniform_(norm.running_var, 0.3, 2.0)
            for weight, center in ((norm.weight, 1.0), (norm.bias, 0.0)):
                if weight is not None:
                    nn.init.uniform_(weight, center - 0.5, center + 0.5)
    return module.eval()


def assert_equal(net: Network) -> nn.Module:
    """Compares the two on random data; the one for inference."""
    trained = stir(build(net))
    module = build(net, inference=True)
    module.load_state_dict(fold(net, trained.state_dict()))
    assert not module.training
    data = [torch.randn(2, *t.shape) for t in net.input_types]
    with torch.no_grad():
        pairs = list(zip(tensors(trained(*data)), tensors(module(*data)), strict=False))
    assert pairs
    for a, b in pairs:
        assert (a - b).abs().max() <= 1e-4 * a.abs().max()
    assert not any(isinstance(m, nn.Dropout) for m in module.modules())
    return module


def test_a_value_that_is_an_output_while_training_alone() -> None:
    text = "network N { input x: [3, 8, 8]\n conv(4, 3) as a; a -> conv(2, 3); output y; training { a; output aux } }"
    module = assert_equal(network(text))
    assert isinstance(module(torch.randn(2, 3, 8, 8)), torch.Tensor)


@pytest.mark.parametrize("name", LEFT)
def test_networks_of_the_specs(name: str) -> None:
    file, _, network = name.partition(":")
    net = open_spec(ROOT / "specs" / file).check(network).network
    assert net is not None
    module = assert_equal(net)
    assert sum(isinstance(m, NORM) for m in module.modules()) == LEFT[name]


@pytest.mark.parametrize("seed", range(30))
def test_random_networks(seed: int) -> None:
    assert_equal(random_network(seed, training=seed % 2 == 1))


def test_a_norm_stays_where_its_layer_is_read_or_used_again() -> None:
    net = network("""
        block twice { shared c = conv(8, 3x3, pad=1); c -> a: bn -> relu -> c -> b: bn }
        block read_again { conv(8, 3x3, pad=1) as y -> bn -> add(y) }
        block scaled { conv(8, 3x3, pad=1) -> bn(scale=false) -> bn(eps=0.1) -> conv(8, 1x1, bias=true) -> bn }
        network N { input image: [8, 6, 6]; twice; read_again; scaled }
    """)
    module = assert_equal(net)
    assert sum(isinstance(m, NORM) for m in module.modules()) == 4


@pytest.mark.parametrize(
    "norms",
    [
        ("bn(eps=0.1)", "bn", "bn"),
        ("bn(scale=false)", "bn(shift=false)", "bn(scale=false, shift=false)"),
        ("bn(eps=0.2, scale=false)", "bn(eps=0.1, shift=false)", "bn"),
    ],
)
def test_norms_of_all_kinds_are_taken_up(norms: tuple[str, ...]) -> None:
    """The same name stands for norms of several kinds."""
    a, b, c = norms
    net = network(f"""
        block one(norm: layer) {{ conv: conv(4, 3x3) -> bn: norm -> relu }}
        network N {{ input image: [3, 9, 9]; one({a}) -> one({b}) -> conv: conv(4, 3x3) -> bn: {c} }}
    """)
    assert not any(isinstance(m, NORM) for m in assert_equal(net).modules())


@pytest.mark.parametrize("file", sorted(path.name for path in (ROOT / "specs").glob("*.arch")))
def test_weights_of_every_spec_fold(file: str) -> None:
    """On the meta device, where networks weigh nothing."""
    spec = open_spec(ROOT / "specs" / file)
    net = spec.check(next(iter(spec.networks))).network
    assert net is not None
    folded = fold(net, build(net, "meta").state_dict())
    wanted = build(net, "meta", inference=True).state_dict()
    assert {name: t.shape for name, t in folded.items()} == {name: t.shape for name, t in wanted.items()}


def test_every_layer_that_takes_up_a_norm_is_among_those_compared() -> None:
    having = {name for name, op in catalogue().items() if op.with_scale_and_shift is not Op.with_scale_and_shift}
    assert having == FOLDING.keys()


@pytest.mark.parametrize("bias", ["true", "false"])
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("layer", [name + given for name, ways in FOLDING.items() for given in ways])
def test_layers_take_up_norms(layer: str, rank: int, bias: str) -> None:
    shape = "4" if layer.startswith("linear") else ", ".join(["4", *["6"] * rank])
    net = network(f"network N {{ input x: [{shape}]; {layer.removesuffix(')')}, bias={bias}) -> bn -> relu }}")
    module = assert_equal(net)
    assert not any(isinstance(m, NORM) for m in module.modules())


def test_norms_of_one_name_behind_layers_that_scale_otherwise() -> None:
    net = network("""
        block down { conv: conv(8, 3x3, pad=1) -> norm: bn -> relu }
        block up { conv: conv_transpose(8, 3x3, pad=1, groups=2) -> norm: bn -> relu }
        network N { input image: [8, 6, 6]; a: down; b: up; conv: conv(8, 3x3) -> norm: bn }
    """)
    assert not any(isinstance(m, NORM) for m in assert_equal(net).modules())


def test_a_norm_at_the_top_goes_and_one_of_its_name_stays() -> None:
    net = network("""
        block before { bn: bn -> conv: conv(8, 3x3, pad=1) -> relu }
        network N { input image: [8, 6, 6]; a: before; conv: conv(8, 3x3, pad=1) -> bn: bn }
    """)
    assert sum(isinstance(m, NORM) for m in assert_equal(net).modules()) == 1


@pytest.mark.parametrize("head", ["conv(4, 3x3, pad=1)", "{ conv(4, 3x3, pad=1) -> bn }"])
def test_weights_of_an_instance_that_training_uses_first_stay(head: str) -> None:
    """Only what training alone uses is dropped: here the layer behind the head, and a tensor that has no name of its own."""
    net = network(f"""
        network N {{
          input x: [4, 8, 8]
          shared head = {head}
          relu
          training {{ head -> more: conv(4, 1x1) as y; p: parameter([4, 1, 1]) as q; multiply {{ | y | q }}; output aux }}
          last: conv(4, 1x1) -> head
          output y
        }}
    """)
    assert {key.partition(".")[0] for key in assert_equal(net).state_dict()} == {"last", "head"}


def test_norms_of_one_name_that_stay_and_go() -> None:
    """The weights know no order, so where a name does not tell what has become of a norm, its path does."""
    net = network("""
        block after { conv: conv(8, 3x3, pad=1) -> bn: bn -> relu }
        block before { bn: bn -> conv: conv(8, 3x3, pad=1) -> relu }
        network N { input image: [8, 6, 6]; a: after; b: before; c: after }
    """)
    assert_equal(net)
    source = emit(net, inference=True)
    assert 'FOLDED = {"a.bn": "conv", "c.bn": "conv"}' in source


def test_numbers_stay_where_something_is_gone() -> None:
    net = network("""
        network N {
          input image: [3, 8, 8]
          conv(4, 3x3) -> bn -> relu -> dropout(0.2) -> conv(4, 3x3, bias=false) -> bn
        }
    """)
    module = assert_equal(net)
    assert list(module.state_dict()) == ["0.weight", "0.bias", "4.weight", "4.bias"]


def test_the_weights_are_those_of_the_network_for_training() -> None:
    net = archdsl.load(ROOT / "specs/resnet_cifar.arch:ResNet20")
    torch.manual_seed(3)
    trained = net.to_torch().eval()
    torch.manual_seed(3)
    module = net.to_torch(inference=True)
    data = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(module(data), trained(data), rtol=1e-4, atol=1e-5)
    folded = net.fold(trained.state_dict())
    assert folded.keys() == module.state_dict().keys()
    with pytest.raises(KeyError):
        net.fold({k: v for k, v in trained.state_dict().items() if k != "bn1.bias"})


def test_the_file_folds_by_itself(tmp_path: Path) -> None:
    """In a process that does not find archdsl."""
    for flags, name in (([], "trained"), (["--inference"], "folded")):
        command = [sys.executable, "-m", "archdsl", "compile", str(ROOT / "specs/resnet_cifar.arch:ResNet20"), *flags]
        subprocess.run([*command, "-o", str(tmp_path / f"{name}.py")], check=True, cwd=ROOT, capture_output=True)
    program = (
        "import sys, torch, trained, folded; a = trained.ResNet20().eval(); b = folded.ResNet20().eval();"
        "b.load_state_dict(folded.fold(a.state_dict())); x = torch.randn(1, 3, 32, 32);"
        "torch.testing.assert_close(a(x), b(x), rtol=1e-4, atol=1e-5); print('archdsl' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env={}, capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


def test_ruff_would_change_nothing(tmp_path: Path) -> None:
    for name in LEFT:
        file, _, network = name.partition(":")
        net = open_spec(ROOT / "specs" / file).check(network).network
        assert net is not None
        (tmp_path / f"{network}.py").write_text(emit(net, inference=True), "utf-8")
    for seed in range(30):
        source = emit(random_network(seed, training=seed % 2 == 1), inference=True)
        (tmp_path / f"random{seed}.py").write_text(source, "utf-8")
    assert ruff(tmp_path) == ""
