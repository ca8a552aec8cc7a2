"""LeNet, 313 parameters: LeCun et al. 1998."""

import math
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class Subsample(nn.Module):
    """The sum of each window times a weight, plus a bias, for each map (LeCun et al. 1998)."""

    def __init__(self, channels: int, kernel_size: tuple[int, ...], stride: tuple[int, ...] | None = None) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride or kernel_size
        self.weight = nn.Parameter(torch.full((channels,), 1 / math.prod(kernel_size)))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        for axis, (size, step) in enumerate(zip(self.kernel_size, self.stride, strict=True), start=2):
            x = x.unfold(axis, size, step)
        rank = len(self.kernel_size)
        maps = (-1,) + (1,) * rank
        return x.sum(tuple(range(-rank, 0))) * self.weight.view(maps) + self.bias.view(maps)


class TableConv2d(nn.Conv2d):
    """A convolution in which only the pairs of maps that a table joins have weights.

    The table has a string for each input map and a character for each output map, X where they are joined.
    """

    joined: Tensor

    def __init__(self, *args: Any, table: tuple[str, ...], pads: tuple[int, ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pads = pads
        joined = [[row[o] == "X" for row in table] for o in range(self.out_channels)]
        mask = torch.tensor(joined).view(*self.weight.shape[:2], 1, 1)
        self.register_buffer("joined", mask, persistent=False)
        pairs = sum(map(sum, joined))
        self.weight = nn.Parameter(self.weight.detach().flatten(0, 1)[:pairs].clone())

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight.new_zeros(*self.joined.shape[:2], *self.kernel_size)
        weight.masked_scatter_(self.joined, self.weight)
        x = F.pad(x, self.pads) if self.pads else x
        return F.conv2d(x, weight, self.bias, self.stride, self.padding, self.dilation)


class RBF(nn.Module):
    """Squared distances to centers, which start as random bitmaps of -1 and 1 (LeCun et al. 1998)."""

    weight: Tensor

    def __init__(self, in_features: int, centers: int, trainable: bool = False) -> None:
        super().__init__()
        weight = 2.0 * torch.randint(0, 2, (centers, in_features)) - 1.0
        if trainable:
            self.weight = nn.Parameter(weight)
        else:
            self.register_buffer("weight", weight)

    def forward(self, x: Tensor) -> Tensor:
        return (x.unsqueeze(1) - self.weight).square().sum(-1)


class LeNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c1 = nn.Conv2d(1, 3, 5)
        self.s2 = Subsample(3, (2, 2))
        self.c3 = TableConv2d(3, 4, 5, table=("XX.X", "X.XX", ".XXX"))
        self.rbf = RBF(400, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.c1(x)  # [3, 28, 28]
        x = 1.7159 * torch.tanh(0.6666666666666666 * x)
        x = self.s2(x)  # [3, 14, 14]
        x = 1.7159 * torch.tanh(0.6666666666666666 * x)
        x = self.c3(x)  # [4, 10, 10]
        x = 1.7159 * torch.tanh(0.6666666666666666 * x)
        x = torch.flatten(x, 1)  # [400]
        return self.rbf(x)  # [10]
