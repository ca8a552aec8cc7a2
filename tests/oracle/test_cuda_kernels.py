"""What a training step keeps on a GPU and asks it for, equal to what PyTorch itself does there, without one."""

from __future__ import annotations

import sys
from pathlib import Path
from subprocess import run

import pytest

from archdsl.analyses import Facts
from archdsl.analyses.memory import Precision, TrainingSettings
from archdsl.ir import Network
from archdsl.pipeline import open_source, open_spec
from archdsl.source import Source
from tests.support.fake_cuda import kept

SPECS = Path(__file__).parents[2] / "specs"
PRECISIONS = ("float32", "bf16-mixed")
NETWORKS = (
    "alexnet:AlexNet",
    "vgg16:VGG16",
    "googlenet:GoogLeNet",
    "resnet:ResNet18",
    "mobilenet_v2:MobileNetV2",
    "unet:UNet",
    "vit:ViT_B16",
    "fcn:FCN32s",
    "vnet:VNet",
    "deepface:DeepFace",
    "autoencoder:Autoencoder",
)


def predicted(network: Network, batch: int, settings: TrainingSettings) -> int:
    return Facts(network, batch).training(settings, batch, "cuda").saved_for_backward


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_keeps_what_it_would_on_a_gpu(name: str, precision: Precision) -> None:
    stem, _, title = name.partition(":")
    network = open_spec(SPECS / f"{stem}.arch").check(title).network
    assert network is not None
    settings = TrainingSettings(precision=precision)
    assert predicted(network, 2, settings) == kept(network, 2, settings)


LINES = {
    "dropout": "linear(8); dropout(0.3); linear(4)",
    "dropout of channels": "conv(8, 3x3); dropout(0.5, channels=true); conv(4, 3x3)",
    "ln": "linear(8); ln; gelu; linear(4)",
    "gn": "conv(8, 3x3); gn(4); silu; conv(4, 3x3)",
    "lrn": "conv(8, 3x3); lrn; conv(4, 3x3)",
    "upsample": "conv(8, 3x3); upsample(2); conv(4, 3x3)",
    "bilinear": "conv(8, 3x3); upsample(2, mode=bilinear); conv(4, 3x3)",
    "prelu": "conv(8, 3x3); prelu; conv(4, 3x3)",
    "softmax": "linear(8); softmax(axis=1); linear(4)",
    "log_sigmoid": "linear(8); log_sigmoid; linear(4)",
    "rms_norm": "linear(8); rms_norm; linear(4)",
    "rms_norm of channels": "conv(8, 3x3); rms_norm(axis=0); conv(4, 3x3)",
    "softplus": "linear(8); softplus; linear(4)",
    "attention": "linear(8); attention(2); linear(4)",
    "attention with dropout": "linear(8); attention(2, dropout=0.1); linear(4)",
    "batch norm": "conv(8, 3x3); bn; relu; conv(4, 3x3)",
    "pools": "conv(8, 3x3); maxpool(2x2); avgpool(2x2); conv(4, 1x1)",
}


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("line", LINES)
def test_an_operator_keeps_what_it_would_on_a_gpu(line: str, precision: Precision) -> None:
    type = "[3, 24, 24]" if "conv" in LINES[line] else "[5, 8]"
    network = open_source(Source("", f"network A {{ input x: {type}; {LINES[line]} }}"), SPECS).check("A").network
    assert network is not None
    settings = TrainingSettings(precision=precision, loss="mse")
    assert predicted(network, 2, settings) == kept(network, 2, settings)


STEPS = (
    "alexnet:AlexNet",
    "resnet:ResNet18",
    "mobilenet_v3:MobileNetV3Small",
    "unet:UNet",
    "vit:ViT_B16",
    "lenet:LeCun1989",
)


@pytest.mark.parametrize("name", STEPS)
def test_a_step_asks_a_gpu_for_what_is_told(name: str) -> None:
    """In a process of its own, since autograd looks for devices once."""
    done = run([sys.executable, "-m", "tests.bench.fake_gpu", name], cwd=SPECS.parent, capture_output=True, text=True)
    assert done.returncode == 0 and "4 steps equal, 0 not" in done.stdout, done.stdout + done.stderr
