"""MobileNetV3Large, 5_483_032 parameters: Howard et al. 2019, Table 1."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class ConvBn(nn.Sequential):
    def __init__(
        self, in_channels: int, channels: int, window: int, stride: int = 1, act: bool = True, hardswish: bool = False
    ) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(in_channels, channels, window, stride, padding=window // 2, bias=False),
            nn.BatchNorm2d(channels, eps=0.001, momentum=0.01),
        ]
        if act:
            layers.append(nn.Hardswish(inplace=True) if hardswish else nn.ReLU(inplace=True))
        super().__init__(*layers)


class Se(nn.Module):
    """Squeeze-and-excitation down to a quarter of the channels, with a hard sigmoid."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(in_channels, channels, 1)
        self.fc2 = nn.Conv2d(channels, in_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = F.adaptive_avg_pool2d(x, 1)
        y = F.relu(self.fc1(y), inplace=True)
        y = self.fc2(y)
        y = F.hardsigmoid(y)
        return x * y


class Bneck(nn.Module):
    """One row of the tables: window, expansion size, output channels, whether SE, activation, stride."""

    def __init__(
        self,
        in_channels: int,
        window: int,
        hidden: int,
        channels: int,
        stride: int,
        squeeze: bool = False,
        hardswish: bool = True,
        se_channels: int = 0,
    ) -> None:
        super().__init__()
        self.has_skip = stride == 1 and in_channels == channels
        layers: list[nn.Module] = []
        if hidden != in_channels:
            layers.append(ConvBn(in_channels, hidden, 1, hardswish=hardswish))
        layers.append(
            nn.Sequential(
                nn.Conv2d(hidden, hidden, window, stride, padding=window // 2, groups=hidden, bias=False),
                nn.BatchNorm2d(hidden, eps=0.001, momentum=0.01),
                nn.Hardswish(inplace=True) if hardswish else nn.ReLU(inplace=True),
            )
        )
        if squeeze:
            layers.append(Se(hidden, se_channels))
        layers.append(ConvBn(hidden, channels, 1, act=False))
        self.block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        y = self.block(x)
        if self.has_skip:
            y += x
        return y


class MobileNetV3Large(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            ConvBn(3, 16, 3, stride=2, hardswish=True),  # [16, 112, 112]
            Bneck(16, 3, 16, 16, 1, hardswish=False),
            Bneck(16, 3, 64, 24, 2, hardswish=False),  # [24, 56, 56]
            Bneck(24, 3, 72, 24, 1, hardswish=False),
            Bneck(24, 5, 72, 40, 2, squeeze=True, hardswish=False, se_channels=24),  # [40, 28, 28]
            *[Bneck(40, 5, 120, 40, 1, squeeze=True, hardswish=False, se_channels=32) for _ in range(2)],
            Bneck(40, 3, 240, 80, 2),  # [80, 14, 14]
            Bneck(80, 3, 200, 80, 1),
            *[Bneck(80, 3, 184, 80, 1) for _ in range(2)],
            Bneck(80, 3, 480, 112, 1, squeeze=True, se_channels=120),  # [112, 14, 14]
            Bneck(112, 3, 672, 112, 1, squeeze=True, se_channels=168),
            Bneck(112, 5, 672, 160, 2, squeeze=True, se_channels=168),  # [160, 7, 7]
            *[Bneck(160, 5, 960, 160, 1, squeeze=True, se_channels=240) for _ in range(2)],
            ConvBn(160, 960, 1, hardswish=True),  # [960, 7, 7]
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(960, 1280),  # [1280]
            nn.Hardswish(inplace=True),
            nn.Dropout(0.2),
            nn.Linear(1280, 1000),  # [1000]
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # [960, 7, 7]
        x = torch.flatten(self.avgpool(x), 1)  # [960]
        return self.classifier(x)  # [1000]
