"""MobileNetV2, 3_504_872 parameters: Sandler et al. 2018, Tables 2 and 4."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class ConvBn(nn.Sequential):
    def __init__(self, in_channels: int, channels: int, window: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(in_channels, channels, window, stride, padding=window // 2, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU6(inplace=True),
        )


class InvertedResidual(nn.Module):
    """Expand, filter depthwise, project with no activation: narrow at both ends, where the shortcut is."""

    def __init__(self, in_channels: int, expand: int, channels: int, stride: int) -> None:
        super().__init__()
        hidden = expand * in_channels
        self.has_skip = stride == 1 and in_channels == channels
        layers: list[nn.Module] = []
        if expand != 1:
            layers.append(ConvBn(in_channels, hidden, 1))
        layers += [
            nn.Sequential(
                nn.Conv2d(hidden, hidden, 3, stride, padding=1, groups=hidden, bias=False),
                nn.BatchNorm2d(hidden),
                nn.ReLU6(inplace=True),
            ),
            nn.Conv2d(hidden, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        ]
        self.conv = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        if self.has_skip:
            y += x
        return y


class MobileNetV2(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            ConvBn(3, 32, 3, stride=2),  # [32, 112, 112]
            InvertedResidual(32, 1, 16, 1),  # [16, 112, 112]
            InvertedResidual(16, 6, 24, 2),  # [24, 56, 56]
            InvertedResidual(24, 6, 24, 1),
            InvertedResidual(24, 6, 32, 2),  # [32, 28, 28]
            *[InvertedResidual(32, 6, 32, 1) for _ in range(2)],
            InvertedResidual(32, 6, 64, 2),  # [64, 14, 14]
            *[InvertedResidual(64, 6, 64, 1) for _ in range(3)],
            InvertedResidual(64, 6, 96, 1),  # [96, 14, 14]
            *[InvertedResidual(96, 6, 96, 1) for _ in range(2)],
            InvertedResidual(96, 6, 160, 2),  # [160, 7, 7]
            *[InvertedResidual(160, 6, 160, 1) for _ in range(2)],
            InvertedResidual(160, 6, 320, 1),  # [320, 7, 7]
            ConvBn(320, 1280, 1),  # [1280, 7, 7]
        )
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, 1000))

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # [1280, 7, 7]
        x = torch.flatten(F.adaptive_avg_pool2d(x, 1), 1)  # [1280]
        return self.classifier(x)  # [1000]
