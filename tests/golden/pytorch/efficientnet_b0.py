"""EfficientNetB0, 5_288_548 parameters: Tan & Le 2019, Tables 1 and 2."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


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


class ConvBn(nn.Sequential):
    def __init__(self, in_channels: int, channels: int, window: int, stride: int = 1, act: bool = True) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(in_channels, channels, window, stride, padding=window // 2, bias=False),
            nn.BatchNorm2d(channels),
        ]
        if act:
            layers.append(nn.SiLU(inplace=True))
        super().__init__(*layers)


class Se(nn.Module):
    """Squeeze-and-excitation: a gate for each channel."""

    def __init__(self, in_channels: int, squeezed: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(in_channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, in_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = F.adaptive_avg_pool2d(x, 1)
        y = self.fc1(y)
        y = F.silu(y, inplace=True)
        y = self.fc2(y)
        y = torch.sigmoid(y)
        return x * y


class Mbconv(nn.Module):
    """MobileNetV2's block with a gate, whose bottleneck is a quarter of the block's input.
    What is added to the input is dropped at a rate of `drop` while training (stochastic depth, Huang et al. 2016).
    """

    def __init__(self, in_channels: int, expand: int, channels: int, window: int, stride: int, drop: float) -> None:
        super().__init__()
        hidden = expand * in_channels
        layers: list[nn.Module] = []
        if expand != 1:
            layers.append(ConvBn(in_channels, hidden, 1))
        layers += [
            nn.Sequential(
                nn.Conv2d(hidden, hidden, window, stride, padding=window // 2, groups=hidden, bias=False),
                nn.BatchNorm2d(hidden),
                nn.SiLU(inplace=True),
            ),
            Se(hidden, in_channels // 4),
            ConvBn(hidden, channels, 1, act=False),
        ]
        self.block = nn.Sequential(*layers)
        self.stochastic_depth = DropPath(drop) if stride == 1 and in_channels == channels else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.block(x)
        if self.stochastic_depth is None:
            return y
        y = self.stochastic_depth(y)
        return y + x


class EfficientNetB0(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            ConvBn(3, 32, 3, stride=2),  # [32, 112, 112]
            nn.Sequential(Mbconv(32, 1, 16, 3, 1, 0.0)),  # [16, 112, 112]
            nn.Sequential(Mbconv(16, 6, 24, 3, 2, 0.0125), Mbconv(24, 6, 24, 3, 1, 0.025)),  # [24, 56, 56]
            nn.Sequential(Mbconv(24, 6, 40, 5, 2, 0.0375), Mbconv(40, 6, 40, 5, 1, 0.05)),  # [40, 28, 28]
            nn.Sequential(
                Mbconv(40, 6, 80, 3, 2, 0.0625),  # [80, 14, 14]
                Mbconv(80, 6, 80, 3, 1, 0.075),
                Mbconv(80, 6, 80, 3, 1, 0.0875),
            ),  # [80, 14, 14]
            nn.Sequential(
                Mbconv(80, 6, 112, 5, 1, 0.1),  # [112, 14, 14]
                Mbconv(112, 6, 112, 5, 1, 0.1125),
                Mbconv(112, 6, 112, 5, 1, 0.125),
            ),  # [112, 14, 14]
            nn.Sequential(
                Mbconv(112, 6, 192, 5, 2, 0.1375),  # [192, 7, 7]
                *[Mbconv(192, 6, 192, 5, 1, i / 80) for i in range(12, 15)],
            ),  # [192, 7, 7]
            nn.Sequential(Mbconv(192, 6, 320, 3, 1, 0.1875)),  # [320, 7, 7]
            ConvBn(320, 1280, 1),  # [1280, 7, 7]
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, 1000))

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # [1280, 7, 7]
        x = torch.flatten(self.avgpool(x), 1)  # [1280]
        return self.classifier(x)  # [1000]
