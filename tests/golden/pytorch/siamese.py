"""Siamese, 590_913 parameters."""

from collections import OrderedDict
from typing import NamedTuple

import torch
from torch import Tensor, nn


class SiameseOutput(NamedTuple):
    probability: Tensor
    left_features: Tensor


class Siamese(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.tower = nn.Sequential(
            OrderedDict(
                {
                    "0": nn.Conv2d(1, 32, 5),  # [32, 24, 24]
                    "1": nn.ReLU(inplace=True),
                    "2": nn.MaxPool2d(2),  # [32, 12, 12]
                    "3": nn.Flatten(),  # [4608]
                    "embed": nn.Linear(4608, 128),  # [128]
                }
            )
        )
        self.same = nn.Linear(128, 1)

    def forward(self, left: Tensor, right: Tensor) -> SiameseOutput:
        tower = self.tower(left)  # [128]
        x = self.tower(right)  # [128]
        x = tower - x
        x = torch.tanh(x)
        x = self.same(x)  # [1]
        x = torch.sigmoid(x)
        return SiameseOutput(x, tower)
