"""Inception, 1_618 parameters."""

from collections import OrderedDict
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class Inception2(nn.Module):
    """Three arms side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.branch1 = nn.Conv2d(16, 8, 1)
        self.branch2 = nn.Sequential(
            nn.Conv2d(16, 4, 1), nn.ReLU(inplace=True), nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(inplace=True)
        )
        self.branch3 = nn.Sequential(OrderedDict(pool=nn.MaxPool2d(3, stride=1, padding=1), conv=nn.Conv2d(16, 4, 1)))

    def forward(self, x: Tensor) -> Tensor:
        branch1 = F.relu(self.branch1(x), inplace=True)
        branch2 = self.branch2(x)
        x = self.branch3(x)
        return torch.cat([branch1, branch2, x], dim=1)


class InceptionOutput(NamedTuple):
    logits: Tensor
    auxiliary: Tensor | None = None


class Inception(nn.Module):
    """Arms, a tap and an auxiliary head.

    Szegedy et al. 2015.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.inception_a = Inception2()
        self.aux = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))
        self.inception_b = Inception2()
        self.fc = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor | InceptionOutput:
        early = F.relu(self.stem(x), inplace=True)  # [16, 32, 32]
        x = self.inception_a(early)
        if self.training:
            aux = self.aux(x)  # [10]
        x = F.max_pool2d(x, 2)  # [16, 16, 16]
        x = self.inception_b(x)
        x = F.max_pool2d(x, 2)  # [16, 8, 8]
        y = F.avg_pool2d(early, 4)  # [16, 8, 8]
        del early
        x = torch.cat([y, x], dim=1)  # [32, 8, 8]
        del y
        x = torch.flatten(F.adaptive_avg_pool2d(x, 1), 1)  # [32]
        x = self.fc(x)  # [10]
        if self.training:
            return InceptionOutput(x, aux)
        return x
