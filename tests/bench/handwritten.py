"""VGG-16, ResNet-50 and MobileNetV2 as one writes them by hand from the papers: what the compiled ones are timed beside.

The weights come in the same order as in the compiled networks, under other names.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def vgg16() -> nn.Module:
    """Configuration D of Simonyan & Zisserman 2015, Table 1."""
    layers: list[nn.Module] = []
    channels = 3
    for width, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
            channels = width
        layers.append(nn.MaxPool2d(2))
    hidden = [nn.Flatten(), nn.Linear(512 * 7 * 7, 4096), nn.ReLU(inplace=True), nn.Dropout()]
    hidden += [nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Dropout(), nn.Linear(4096, 1000)]
    return nn.Sequential(*layers, *hidden)


class Residual(nn.Module):
    """Figure 5, right, of He et al. 2016, with the stride in the 3x3."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(channels, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, stride, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, 4 * width, 1, bias=False),
            nn.BatchNorm2d(4 * width),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or channels != 4 * width:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width)
            )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        out = self.branch(x)
        out += self.shortcut(x)
        found: Tensor = self.relu(out)
        return found


def resnet50() -> nn.Module:
    """He et al. 2016, Table 1, the column of 50 layers."""
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True)]
    layers.append(nn.MaxPool2d(3, 2, 1))
    channels = 64
    for width, count, first in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for index in range(count):
            layers.append(Residual(channels, width, first if index == 0 else 1))
            channels = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))


class Inverted(nn.Module):
    """Table 1 of Sandler et al. 2018: expand, filter, project, and add where nothing changes shape."""

    def __init__(self, channels: int, factor: int, out: int, stride: int) -> None:
        super().__init__()
        wide = factor * channels
        layers: list[nn.Module] = []
        if factor > 1:
            layers += [nn.Conv2d(channels, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU6(inplace=True)]
        layers += [nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False), nn.BatchNorm2d(wide)]
        layers += [nn.ReLU6(inplace=True), nn.Conv2d(wide, out, 1, bias=False), nn.BatchNorm2d(out)]
        self.layers = nn.Sequential(*layers)
        self.adds = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layers(x)
        return x + out if self.adds else out


def mobilenet_v2() -> nn.Module:
    """Table 2 of Sandler et al. 2018: factor, channels, repetitions, stride."""
    table = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    layers: list[nn.Module] = [nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU6(inplace=True)]
    channels = 32
    for factor, out, count, stride in table:
        for index in range(count):
            layers.append(Inverted(channels, factor, out, stride if index == 0 else 1))
            channels = out
    layers += [nn.Conv2d(channels, 1280, 1, bias=False), nn.BatchNorm2d(1280), nn.ReLU6(inplace=True)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(1280, 1000))


def with_weights_of(module: nn.Module, other: nn.Module) -> nn.Module:
    """The module with the weights of another one, in order. Raises `ValueError` where the shapes do not agree."""
    for mine, theirs in zip(module.state_dict().values(), other.state_dict().values(), strict=True):
        if mine.shape != theirs.shape:
            raise ValueError(f"{list(mine.shape)} against {list(theirs.shape)}")
        mine.copy_(theirs)
    return module


NETWORKS = {
    "specs/vgg16.arch": vgg16,
    "specs/resnet.arch:ResNet50": resnet50,
    "specs/mobilenet_v2.arch:MobileNetV2": mobilenet_v2,
}
"""What stands beside each compiled network."""


def outputs(module: nn.Module, seed: int = 0) -> Tensor:
    """What a network makes of an image, in evaluation mode."""
    torch.manual_seed(seed)
    with torch.no_grad():
        found: Tensor = module.eval()(torch.randn(1, 3, 224, 224))
    return found
