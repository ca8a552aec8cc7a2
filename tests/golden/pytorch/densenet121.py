"""DenseNet121, 7_978_856 parameters: Huang et al. 2017, Table 1."""

from collections import OrderedDict

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class DenseLayer(nn.Sequential):
    """BN-ReLU-Conv(1x1)-BN-ReLU-Conv(3x3), a bottleneck."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(in_channels, 128, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(128)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(128, 32, 3, padding=1, bias=False)


class DenseBlock(nn.Module):
    """Each layer takes all preceding feature maps as input."""

    def __init__(self, in_channels: int, depth: int) -> None:
        super().__init__()
        for i in range(depth):
            self.add_module(f"denselayer{i + 1}", DenseLayer(in_channels + 32 * i))

    def forward(self, x: Tensor) -> Tensor:
        first, *others = self.children()
        maps = [x, first(x)]
        for layer in others:
            maps.append(layer(torch.cat(maps, dim=1)))
        return torch.cat(maps, dim=1)


class Transition(nn.Sequential):
    """Half of the maps, at half of the size; a `compression` of 1 keeps the maps."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(in_channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(in_channels, in_channels // 2, 1, bias=False)
        self.pool = nn.AvgPool2d(2)


class DenseNet121(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            OrderedDict(
                conv0=nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False),  # [64, 112, 112]
                norm0=nn.BatchNorm2d(64),
                relu0=nn.ReLU(inplace=True),
                pool0=nn.MaxPool2d(3, stride=2, padding=1),  # [64, 56, 56]
                denseblock1=DenseBlock(64, 6),  # [256, 56, 56]
                transition1=Transition(256),  # [128, 28, 28]
                denseblock2=DenseBlock(128, 12),  # [512, 28, 28]
                transition2=Transition(512),  # [256, 14, 14]
                denseblock3=DenseBlock(256, 24),  # [1024, 14, 14]
                transition3=Transition(1024),  # [512, 7, 7]
                denseblock4=DenseBlock(512, 16),  # [1024, 7, 7]
                norm5=nn.BatchNorm2d(1024),
            )
        )
        self.classifier = nn.Linear(1024, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.features(x), inplace=True)  # [1024, 7, 7]
        x = torch.flatten(F.adaptive_avg_pool2d(x, 1), 1)  # [1024]
        return self.classifier(x)  # [1000]
