"""ConvNeXtTiny, 28_589_128 parameters: Liu et al. 2022, Table 9."""

from typing import Any

import torch
from torch import Tensor, nn


class Permute(nn.Module):
    """The axes in another order."""

    def __init__(self, *dims: int) -> None:
        super().__init__()
        self.dims = dims

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(self.dims)


class DropPath(nn.Module):
    """Drops whole samples while training (stochastic depth, Huang et al. 2016)."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0.0:
            return x
        factor = x.new_empty(x.shape[0], *[1] * (x.ndim - 1)).bernoulli_(1.0 - self.p)
        return x * (factor.div_(1.0 - self.p) if self.p < 1.0 else factor)


class AxisLayerNorm(nn.LayerNorm):
    """Layer normalization along an axis that is not the last: 1 for the channels of maps."""

    def __init__(self, size: int, *, dim: int, **kwargs: Any) -> None:
        super().__init__(size, **kwargs)
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(self.dim, -1)).movedim(-1, self.dim)


class CnBlock(nn.Module):
    """Figure 4, right: a depthwise 7x7, and a dense layer of four times the width at each pixel, which wants channels
    last. A learned factor for each channel scales the result (Touvron et al. 2021); it begins near 0.
    """

    def __init__(self, in_channels: int, drop: float) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv2d(in_channels, in_channels, 7, padding=3, groups=in_channels),
            Permute(0, 2, 3, 1),
            nn.LayerNorm(in_channels, eps=1e-6),
            nn.Linear(in_channels, 4 * in_channels),
            nn.GELU(),
            nn.Linear(4 * in_channels, in_channels),
            Permute(0, 3, 1, 2),
        )
        self.layer_scale = nn.Parameter(torch.full((in_channels, 1, 1), 1e-6))
        self.stochastic_depth = DropPath(drop)

    def forward(self, x: Tensor) -> Tensor:
        y = self.block(x)
        y = self.layer_scale * y
        y = self.stochastic_depth(y)
        return y + x


class ConvNeXtTiny(nn.Module):
    """The rate of `drop` grows from 0 to its last value over all blocks (stochastic depth, Huang et al. 2016)."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Sequential(nn.Conv2d(3, 96, 4, stride=4), AxisLayerNorm(96, eps=1e-6, dim=1)),  # [96, 56, 56]
            nn.Sequential(*[CnBlock(96, i / 170) for i in range(3)]),
            nn.Sequential(AxisLayerNorm(96, eps=1e-6, dim=1), nn.Conv2d(96, 192, 2, stride=2)),  # [192, 28, 28]
            nn.Sequential(*[CnBlock(192, i / 170) for i in range(3, 6)]),
            nn.Sequential(AxisLayerNorm(192, eps=1e-6, dim=1), nn.Conv2d(192, 384, 2, stride=2)),  # [384, 14, 14]
            nn.Sequential(*[CnBlock(384, i / 170) for i in range(6, 15)]),
            nn.Sequential(AxisLayerNorm(384, eps=1e-6, dim=1), nn.Conv2d(384, 768, 2, stride=2)),  # [768, 7, 7]
            nn.Sequential(*[CnBlock(768, i / 170) for i in range(15, 18)]),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(AxisLayerNorm(768, eps=1e-6, dim=1), nn.Flatten(), nn.Linear(768, 1000))

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # [768, 7, 7]
        x = self.avgpool(x)  # [768, 1, 1]
        return self.classifier(x)  # [1000]
