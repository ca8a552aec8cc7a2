"""GoogLeNet, 6_998_552 parameters: Szegedy et al. 2015, Table 1."""

from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class Plain(nn.Module):
    """The convolution of the paper: a bias and no norm."""

    def __init__(self, in_channels: int, channels: int, window: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, window, stride, padding=window // 2)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv(x), inplace=True)


class Inception(nn.Module):
    """One row of the table: #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj."""

    def __init__(self, in_channels: int, b1: int, r3: int, b3: int, r5: int, b5: int, pool: int) -> None:
        super().__init__()
        self.branch1 = Plain(in_channels, b1, 1)
        self.branch2 = nn.Sequential(Plain(in_channels, r3, 1), Plain(r3, b3, 3))
        self.branch3 = nn.Sequential(Plain(in_channels, r5, 1), Plain(r5, b5, 5))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), Plain(in_channels, pool, 1))

    def forward(self, x: Tensor) -> Tensor:
        branch1 = self.branch1(x)
        branch2 = self.branch2(x)
        branch3 = self.branch3(x)
        x = self.branch4(x)
        return torch.cat([branch1, branch2, branch3, x], dim=1)


class Auxiliary(nn.Module):
    """A classifier beside the network, for training."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv = Plain(in_channels, 128, 1)
        self.fc1 = nn.Linear(2048, 1024)
        self.fc2 = nn.Linear(1024, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = F.avg_pool2d(x, 5, stride=3)
        x = torch.flatten(self.conv(x), 1)  # [2048]
        x = F.relu(self.fc1(x), inplace=True)  # [1024]
        x = F.dropout(x, 0.7, self.training)
        return self.fc2(x)  # [1000]


class GoogLeNetOutput(NamedTuple):
    logits: Tensor
    auxiliary1: Tensor | None = None
    auxiliary2: Tensor | None = None


class GoogLeNet(nn.Module):
    """Table 1, for the paper's layers and for torchvision's."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = Plain(3, 64, 7, stride=2)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = Plain(64, 64, 1)
        self.conv3 = Plain(64, 192, 3)
        self.maxpool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception3a = Inception(192, 64, 96, 128, 16, 32, 32)
        self.inception3b = Inception(256, 128, 128, 192, 32, 96, 64)
        self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception4a = Inception(480, 192, 96, 208, 16, 48, 64)
        self.inception4b = Inception(512, 160, 112, 224, 24, 64, 64)
        self.inception4c = Inception(512, 128, 128, 256, 24, 64, 64)
        self.inception4d = Inception(512, 112, 144, 288, 32, 64, 64)
        self.inception4e = Inception(528, 256, 160, 320, 32, 128, 128)
        self.maxpool4 = nn.MaxPool2d(2, ceil_mode=True)
        self.inception5a = Inception(832, 256, 160, 320, 32, 128, 128)
        self.inception5b = Inception(832, 384, 192, 384, 48, 128, 128)
        self.aux1 = Auxiliary(512)
        self.aux2 = Auxiliary(528)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(0.4)
        self.fc = nn.Linear(1024, 1000)

    def forward(self, x: Tensor) -> Tensor | GoogLeNetOutput:
        x = self.conv1(x)  # [64, 112, 112]
        x = self.maxpool1(x)  # [64, 56, 56]
        x = F.local_response_norm(x, 5)
        x = self.conv2(x)
        x = self.conv3(x)  # [192, 56, 56]
        x = F.local_response_norm(x, 5)
        x = self.maxpool2(x)  # [192, 28, 28]
        x = self.inception3a(x)  # [256, 28, 28]
        x = self.inception3b(x)  # [480, 28, 28]
        x = self.maxpool3(x)  # [480, 14, 14]
        early = self.inception4a(x)  # [512, 14, 14]
        del x
        x = self.inception4b(early)
        x = self.inception4c(x)
        late = self.inception4d(x)  # [528, 14, 14]
        del x
        x = self.inception4e(late)  # [832, 14, 14]
        x = self.maxpool4(x)  # [832, 7, 7]
        x = self.inception5a(x)
        x = self.inception5b(x)  # [1024, 7, 7]
        if self.training:
            aux1 = self.aux1(early)  # [1000]
            aux2 = self.aux2(late)  # [1000]
        del early, late
        x = torch.flatten(self.avgpool(x), 1)  # [1024]
        x = self.dropout(x)
        x = self.fc(x)  # [1000]
        if self.training:
            return GoogLeNetOutput(x, aux1, aux2)
        return x
