"""Every network of `specs/`, compiled and run: what archdsl says of it is what PyTorch does.

All of it on the meta device, for every network; the bytes with real tensors, for a sample. `test_verify.py` shows that
the comparison finds differences.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from archdsl.backends.pytorch.verify import verify
from archdsl.ir import Network
from archdsl.pipeline import open_spec

torch.set_num_threads(1)
SPECS = Path(__file__).parents[2] / "specs"
NETWORKS = [(file.name, name) for file in sorted(SPECS.glob("*.arch")) for name in open_spec(file).networks]
TABLES = {"LeCun1989", "LeNet1990", "LeNet1", "LeNet5"}
"""With `conv(table=...)` only the joined pairs count, and PyTorch runs all: the one difference to `FlopCounterMode`."""
ATTENDS = {"ViT_B16", "ViT_B16_at384", "ViT_B32", "ViT_L16", "ViT_L32", "ViT_H14", "ViT_H14_at518"}
"""On the meta device PyTorch's attention has no kernel of its own, and keeps more for backward."""
MEASURED = [
    ("alexnet.arch", "AlexNet"),
    ("alexnet.arch", "AlexNetTorchvision"),
    ("convnet.arch", "ConvNet"),
    ("convnext.arch", "ConvNeXtTiny"),
    ("densenet.arch", "DenseNetCifarBC100_12"),
    ("densenet.arch", "DenseNet121"),
    ("efficientnet.arch", "EfficientNetB0"),
    ("fractalnet.arch", "FractalNet20"),
    ("googlenet.arch", "GoogLeNet"),
    ("googlenet.arch", "GoogLeNetTorchvisionAux"),
    ("lambda.arch", "LambdaResNet26t"),
    ("lenet.arch", "LeNet1990"),
    ("lenet.arch", "LeNet5"),
    ("mlp.arch", "MLP"),
    ("mobilenet.arch", "MobileNetV1"),
    ("mobilenet_v2.arch", "MobileNetV2"),
    ("mobilenet_v3.arch", "MobileNetV3Small"),
    ("nasnet.arch", "NASNetAMobile"),
    ("resnet.arch", "ResNet18"),
    ("resnet.arch", "ResNet50"),
    ("resnext.arch", "ResNeXt50_32x4d"),
    ("senet.arch", "SEResNet50"),
    ("vgg.arch", "VGG_A_BN"),
    ("vit.arch", "ViT_B32"),
]
"""Networks that are run for their bytes: of each family the small ones. The others are measured apart."""


def network_of(file: str, name: str) -> Network:
    network = open_spec(SPECS / file).check(name).network
    assert network is not None
    return network


def compared(network: Network, device: str = "meta", batch: int = 2) -> dict[str, str]:
    """By check what could not be compared; fails where there is a difference."""
    checks = list(verify(network, device=device, batch=batch))
    assert [(c.name, c.differences, c.spec) for c in checks if c.differences] == []
    return {check.name: check.outcome.gap for check in checks}


@pytest.mark.parametrize(("file", "name"), NETWORKS)
def test_every_network_is_pytorchs(file: str, name: str) -> None:
    gaps = compared(network_of(file, name))
    assert list(gaps) == ["shapes", "parameters", "FLOPs", "saved for backward", "inference peak"]
    incomparable = {"FLOPs": name in TABLES, "saved for backward": name in ATTENDS, "inference peak": True}
    assert {check for check, gap in gaps.items() if gap} == {check for check, is_gap in incomparable.items() if is_gap}


@pytest.mark.parametrize(("file", "name"), MEASURED)
def test_bytes_are_pytorchs(file: str, name: str) -> None:
    """What a training pass keeps, and what inference holds at its peak, with real tensors on the CPU."""
    network = network_of(file, name)
    for batch in (1, 2) if name in ("ConvNet", "ResNet18") else (2,):
        assert set(compared(network, "cpu", batch).values()) <= {
            "",
            "conv(table=...) counts the joined pairs, PyTorch's kernel runs all",
        }
