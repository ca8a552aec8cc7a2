"""ResNet50, 1_887_528 parameters: He et al. 2015."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class Bottleneck(nn.Module):
    """1x1 down, 3x3, 1x1 up by four."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(64, 64, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.conv2 = nn.Conv2d(64, 64, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(64)
        self.conv3 = nn.Conv2d(64, 256, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(256)
        self.downsample = nn.Sequential(nn.Conv2d(64, 256, 1, bias=False), nn.BatchNorm2d(256))

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(x)
        y = F.relu(self.bn1(y), inplace=True)
        y = self.conv2(y)
        y = F.relu(self.bn2(y), inplace=True)
        y = self.conv3(y)  # [256, 56, 56]
        y = self.bn3(y)
        y += self.downsample(x)
        return F.relu(y, inplace=True)


class Bottleneck2(nn.Module):
    """1x1 down, 3x3, 1x1 up by four."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(256, 64, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.conv2 = nn.Conv2d(64, 64, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(64)
        self.conv3 = nn.Conv2d(64, 256, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(256)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(x)  # [64, 56, 56]
        y = F.relu(self.bn1(y), inplace=True)
        y = self.conv2(y)
        y = F.relu(self.bn2(y), inplace=True)
        y = self.conv3(y)  # [256, 56, 56]
        y = self.bn3(y)
        y += x
        return F.relu(y, inplace=True)


class Bottleneck3(nn.Module):
    """1x1 down, 3x3, 1x1 up by four."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(256, 128, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(128)
        self.conv2 = nn.Conv2d(128, 128, 3, stride=2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(128)
        self.conv3 = nn.Conv2d(128, 512, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(512)
        self.downsample = nn.Sequential(nn.Conv2d(256, 512, 1, stride=2, bias=False), nn.BatchNorm2d(512))

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(x)  # [128, 56, 56]
        y = F.relu(self.bn1(y), inplace=True)
        y = self.conv2(y)  # [128, 28, 28]
        y = F.relu(self.bn2(y), inplace=True)
        y = self.conv3(y)  # [512, 28, 28]
        y = self.bn3(y)
        y += self.downsample(x)
        return F.relu(y, inplace=True)


class Bottleneck4(nn.Module):
    """1x1 down, 3x3, 1x1 up by four."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(512, 128, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(128)
        self.conv2 = nn.Conv2d(128, 128, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(128)
        self.conv3 = nn.Conv2d(128, 512, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(512)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(x)  # [128, 28, 28]
        y = F.relu(self.bn1(y), inplace=True)
        y = self.conv2(y)
        y = F.relu(self.bn2(y), inplace=True)
        y = self.conv3(y)  # [512, 28, 28]
        y = self.bn3(y)
        y += x
        return F.relu(y, inplace=True)


class ResNet50(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = nn.Sequential(Bottleneck(), Bottleneck2())
        self.layer2 = nn.Sequential(Bottleneck3(), *[Bottleneck4() for _ in range(3)])
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
