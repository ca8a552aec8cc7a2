"""PyramidNet200_300, 62_152_030 parameters: Han, Kim & Kim 2017, Table 5; jhkim89/PyramidNet, README."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class Bottleneck(nn.Module):
    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.extra = 4 * width - in_channels
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn4 = nn.BatchNorm2d(4 * width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn1(x)
        y = self.conv1(y)
        y = F.relu(self.bn2(y), inplace=True)
        y = self.conv2(y)
        y = F.relu(self.bn3(y), inplace=True)
        y = self.conv3(y)
        y = self.bn4(y)
        if self.stride != 1:
            x = F.avg_pool2d(x, 2)
        y += F.pad(x, (0, 0, 0, 0, 0, self.extra))
        return y


class PyramidNet200_300(nn.Module):  # noqa: N801
    """On ImageNet: bottlenecks in ResNet-200's four groups."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = nn.Sequential(Bottleneck(64, 68, 1), Bottleneck(272, 73, 1), Bottleneck(292, 77, 1))
        self.layer2 = nn.Sequential(
            Bottleneck(308, 82, 2),  # [328, 28, 28]
            *[Bottleneck(4 * (64 + 50 * (i - 1) // 11), 64 + 50 * i // 11, 1) for i in range(5, 28)],  # [744, 28, 28]
        )
        self.layer3 = nn.Sequential(
            Bottleneck(744, 191, 2),  # [764, 14, 14]
            *[Bottleneck(4 * (164 + 50 * (i - 1) // 11), 164 + 50 * i // 11, 1) for i in range(7, 42)],
        )
        self.layer4 = nn.Sequential(Bottleneck(1400, 354, 2), Bottleneck(1416, 359, 1), Bottleneck(1436, 364, 1))
        self.bn_final = nn.BatchNorm2d(1456)
        self.fc = nn.Linear(1456, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)  # [64, 112, 112]
        x = F.relu(self.bn1(x), inplace=True)
        x = self.maxpool(x)  # [64, 56, 56]
        x = self.layer1(x)  # [308, 56, 56]
        x = self.layer2(x)  # [744, 28, 28]
        x = self.layer3(x)  # [1400, 14, 14]
        x = self.layer4(x)  # [1456, 7, 7]
        x = F.relu(self.bn_final(x), inplace=True)
        x = torch.flatten(F.adaptive_avg_pool2d(x, 1), 1)  # [1456]
        return self.fc(x)  # [1000]
