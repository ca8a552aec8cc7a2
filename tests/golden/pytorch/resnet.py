"""ResNet50, 1_887_528 parameters: He et al. 2015."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class Bottleneck(nn.Module):
    """1x1 down, 3x3, 1x1 up by four."""

    def __init__(self, in_channels: int, channels: int, stride: int = 1, downsample: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, 4 * channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * channels)
        self.downsample = None
        if downsample:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, 4 * channels, 1, stride=stride, bias=False), nn.BatchNorm2d(4 * channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(x)
        y = F.relu(self.bn1(y), inplace=True)
        y = self.conv2(y)
        y = F.relu(self.bn2(y), inplace=True)
        y = self.conv3(y)
        y = self.bn3(y)
        y += x if self.downsample is None else self.downsample(x)
        return F.relu(y, inplace=True)


class ResNet50(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = nn.Sequential(Bottleneck(64, 64, downsample=True), Bottleneck(256, 64))
        self.layer2 = nn.Sequential(
            Bottleneck(256, 128, stride=2, downsample=True),  # [512, 28, 28]
            *[Bottleneck(512, 128) for _ in range(3)],
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(512, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)  # [64, 112, 112]
        x = F.relu(self.bn1(x), inplace=True)
        x = self.maxpool(x)  # [64, 56, 56]
        x = self.layer1(x)  # [256, 56, 56]
        x = self.layer2(x)  # [512, 28, 28]
        x = torch.flatten(self.avgpool(x), 1)  # [512]
        return self.fc(x)  # [1000]
