"""ResNet50, 25_557_032 parameters: He, Zhang, Ren & Sun 2016, Table 1."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class Bottleneck(nn.Module):
    """1x1 down, 3x3, 1x1 up by four (ResNet-50, 101, 152): Figure 5, right.
    `early` puts the stride where the paper has it.
    ResNeXt and Wide ResNet are this block with other `groups` and `base`;
    segmentation spreads its 3x3 by `dilation`.
    """

    def __init__(self, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample = None
        if stride != 1 or in_channels != 4 * width:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width)
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
    """torchvision's, with the stride in the 3x3; NVIDIA calls it version 1.5."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = nn.Sequential(Bottleneck(64, 64), *[Bottleneck(256, 64) for _ in range(2)])
        self.layer2 = nn.Sequential(Bottleneck(256, 128, stride=2), *[Bottleneck(512, 128) for _ in range(3)])
        self.layer3 = nn.Sequential(Bottleneck(512, 256, stride=2), *[Bottleneck(1024, 256) for _ in range(5)])
        self.layer4 = nn.Sequential(Bottleneck(1024, 512, stride=2), *[Bottleneck(2048, 512) for _ in range(2)])
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(2048, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)  # [64, 112, 112]
        x = F.relu(self.bn1(x), inplace=True)
        x = self.maxpool(x)  # [64, 56, 56]
        x = self.layer1(x)  # [256, 56, 56]
        x = self.layer2(x)  # [512, 28, 28]
        x = self.layer3(x)  # [1024, 14, 14]
        x = self.layer4(x)  # [2048, 7, 7]
        x = torch.flatten(self.avgpool(x), 1)  # [2048]
        return self.fc(x)  # [1000]
