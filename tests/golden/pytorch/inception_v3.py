"""InceptionV3, 23_834_568 parameters.

Szegedy et al. 2016, Table 1 and Figures 5 to 10; torchvision.models.inception_v3
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class Basic(nn.Module):
    def __init__(
        self,
        in_channels: int,
        channels: int,
        window: int | tuple[int, int],
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, window, stride, padding=padding, bias=False)
        self.bn = nn.BatchNorm2d(channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return F.relu(self.bn(x), inplace=True)


class InceptionA(nn.Module):
    """35x35 grid: a 5x5 and a pair of 3x3 beside the 1x1 and the pool."""

    def __init__(self, in_channels: int, pool: int) -> None:
        super().__init__()
        self.branch1x1 = Basic(in_channels, 64, 1)
        self.branch5x5_1 = Basic(in_channels, 48, 1)
        self.branch5x5_2 = Basic(48, 64, 5, padding=2)
        self.branch3x3dbl_1 = Basic(in_channels, 64, 1)
        self.branch3x3dbl_2 = Basic(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = Basic(96, 96, 3, padding=1)
        self.branch_pool = Basic(in_channels, pool, 1)

    def forward(self, x: Tensor) -> Tensor:
        branch1x1 = self.branch1x1(x)  # [64, 35, 35]
        y = self.branch5x5_1(x)  # [48, 35, 35]
        y = self.branch5x5_2(y)  # [64, 35, 35]
        z = self.branch3x3dbl_1(x)  # [64, 35, 35]
        z = self.branch3x3dbl_2(z)  # [96, 35, 35]
        z = self.branch3x3dbl_3(z)
        x = self.branch_pool(F.avg_pool2d(x, 3, stride=1, padding=1))
        return torch.cat([branch1x1, y, z, x], dim=1)


class ReductionA(nn.Module):
    """Grid reduction 35 to 17."""

    def __init__(self) -> None:
        super().__init__()
        self.branch3x3 = Basic(288, 384, 3, stride=2)
        self.branch3x3dbl_1 = Basic(288, 64, 1)
        self.branch3x3dbl_2 = Basic(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = Basic(96, 96, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        branch3x3 = self.branch3x3(x)  # [384, 17, 17]
        y = self.branch3x3dbl_1(x)  # [64, 35, 35]
        y = self.branch3x3dbl_2(y)  # [96, 35, 35]
        y = self.branch3x3dbl_3(y)  # [96, 17, 17]
        x = F.max_pool2d(x, 3, stride=2)  # [288, 17, 17]
        return torch.cat([branch3x3, y, x], dim=1)  # [768, 17, 17]


class InceptionB(nn.Module):
    """17x17 grid: 7x7 factorized into 1x7 and 7x1."""

    def __init__(self, c7: int) -> None:
        super().__init__()
        self.branch1x1 = Basic(768, 192, 1)
        self.branch7x7_1 = Basic(768, c7, 1)
        self.branch7x7_2 = Basic(c7, c7, (1, 7), padding=(0, 3))
        self.branch7x7_3 = Basic(c7, 192, (7, 1), padding=(3, 0))
        self.branch7x7dbl_1 = Basic(768, c7, 1)
        self.branch7x7dbl_2 = Basic(c7, c7, (7, 1), padding=(3, 0))
        self.branch7x7dbl_3 = Basic(c7, c7, (1, 7), padding=(0, 3))
        self.branch7x7dbl_4 = Basic(c7, c7, (7, 1), padding=(3, 0))
        self.branch7x7dbl_5 = Basic(c7, 192, (1, 7), padding=(0, 3))
        self.branch_pool = Basic(768, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        branch1x1 = self.branch1x1(x)  # [192, 17, 17]
        y = self.branch7x7_1(x)
        y = self.branch7x7_2(y)
        y = self.branch7x7_3(y)
        z = self.branch7x7dbl_1(x)
        z = self.branch7x7dbl_2(z)
        z = self.branch7x7dbl_3(z)
        z = self.branch7x7dbl_4(z)
        z = self.branch7x7dbl_5(z)
        x = self.branch_pool(F.avg_pool2d(x, 3, stride=1, padding=1))  # [192, 17, 17]
        return torch.cat([branch1x1, y, z, x], dim=1)  # [768, 17, 17]


class AuxLogits(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv0 = Basic(768, 128, 1)
        self.conv1 = Basic(128, 768, 5)
        self.fc = nn.Linear(768, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv0(F.avg_pool2d(x, 5, stride=3))  # [128, 5, 5]
        x = self.conv1(x)  # [768, 1, 1]
        x = torch.flatten(F.adaptive_avg_pool2d(x, 1), 1)  # [768]
        return self.fc(x)  # [1000]


class ReductionB(nn.Module):
    """Grid reduction 17 to 8."""

    def __init__(self) -> None:
        super().__init__()
        self.branch3x3_1 = Basic(768, 192, 1)
        self.branch3x3_2 = Basic(192, 320, 3, stride=2)
        self.branch7x7x3_1 = Basic(768, 192, 1)
        self.branch7x7x3_2 = Basic(192, 192, (1, 7), padding=(0, 3))
        self.branch7x7x3_3 = Basic(192, 192, (7, 1), padding=(3, 0))
        self.branch7x7x3_4 = Basic(192, 192, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.branch3x3_1(x)  # [192, 17, 17]
        y = self.branch3x3_2(y)  # [320, 8, 8]
        z = self.branch7x7x3_1(x)  # [192, 17, 17]
        z = self.branch7x7x3_2(z)
        z = self.branch7x7x3_3(z)
        z = self.branch7x7x3_4(z)  # [192, 8, 8]
        x = F.max_pool2d(x, 3, stride=2)  # [768, 8, 8]
        return torch.cat([y, z, x], dim=1)  # [1280, 8, 8]


class InceptionC(nn.Module):
    """8x8 grid: the 3x3 branches fan out into 1x3 and 3x1."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.branch1x1 = Basic(in_channels, 320, 1)
        self.branch3x3_1 = Basic(in_channels, 384, 1)
        self.branch3x3_2a = Basic(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3_2b = Basic(384, 384, (3, 1), padding=(1, 0))
        self.branch3x3dbl_1 = Basic(in_channels, 448, 1)
        self.branch3x3dbl_2 = Basic(448, 384, 3, padding=1)
        self.branch3x3dbl_3a = Basic(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3dbl_3b = Basic(384, 384, (3, 1), padding=(1, 0))
        self.branch_pool = Basic(in_channels, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        branch1x1 = self.branch1x1(x)  # [320, 8, 8]
        branch3x3_1 = self.branch3x3_1(x)  # [384, 8, 8]
        branch3x3_2a = self.branch3x3_2a(branch3x3_1)
        y = self.branch3x3_2b(branch3x3_1)
        del branch3x3_1
        y = torch.cat([branch3x3_2a, y], dim=1)  # [768, 8, 8]
        del branch3x3_2a
        z = self.branch3x3dbl_1(x)  # [448, 8, 8]
        z = self.branch3x3dbl_2(z)  # [384, 8, 8]
        branch3x3dbl_3a = self.branch3x3dbl_3a(z)
        z = self.branch3x3dbl_3b(z)
        z = torch.cat([branch3x3dbl_3a, z], dim=1)  # [768, 8, 8]
        del branch3x3dbl_3a
        x = self.branch_pool(F.avg_pool2d(x, 3, stride=1, padding=1))  # [192, 8, 8]
        return torch.cat([branch1x1, y, z, x], dim=1)  # [2048, 8, 8]


class InceptionV3Output(NamedTuple):
    logits: Tensor
    auxiliary: Tensor | None = None


class InceptionV3(nn.Module):
    """The architecture, with or without its auxiliary classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Basic(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = Basic(32, 32, 3)
        self.Conv2d_2b_3x3 = Basic(32, 64, 3, padding=1)
        self.maxpool1 = nn.MaxPool2d(3, stride=2)
        self.Conv2d_3b_1x1 = Basic(64, 80, 1)
        self.Conv2d_4a_3x3 = Basic(80, 192, 3)
        self.maxpool2 = nn.MaxPool2d(3, stride=2)
        self.Mixed_5b = InceptionA(192, 32)
        self.Mixed_5c = InceptionA(256, 64)
        self.Mixed_5d = InceptionA(288, 64)
        self.Mixed_6a = ReductionA()
        self.Mixed_6b = InceptionB(128)
        self.Mixed_6c = InceptionB(160)
        self.Mixed_6d = InceptionB(160)
        self.Mixed_6e = InceptionB(192)
        self.AuxLogits = AuxLogits()
        self.Mixed_7a = ReductionB()
        self.Mixed_7b = InceptionC(1280)
        self.Mixed_7c = InceptionC(2048)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(2048, 1000)

    def forward(self, x: Tensor) -> Tensor | InceptionV3Output:
        x = self.Conv2d_1a_3x3(x)  # [32, 149, 149]
        x = self.Conv2d_2a_3x3(x)  # [32, 147, 147]
        x = self.Conv2d_2b_3x3(x)  # [64, 147, 147]
        x = self.maxpool1(x)  # [64, 73, 73]
        x = self.Conv2d_3b_1x1(x)  # [80, 73, 73]
        x = self.Conv2d_4a_3x3(x)  # [192, 71, 71]
        x = self.maxpool2(x)  # [192, 35, 35]
        x = self.Mixed_5b(x)  # [256, 35, 35]
        x = self.Mixed_5c(x)  # [288, 35, 35]
        x = self.Mixed_5d(x)
        x = self.Mixed_6a(x)  # [768, 17, 17]
        x = self.Mixed_6b(x)
        x = self.Mixed_6c(x)
        x = self.Mixed_6d(x)
        x = self.Mixed_6e(x)
        if self.training:
            auxlogits = self.AuxLogits(x)  # [1000]
        x = self.Mixed_7a(x)  # [1280, 8, 8]
        x = self.Mixed_7b(x)  # [2048, 8, 8]
        x = self.Mixed_7c(x)
        x = torch.flatten(self.avgpool(x), 1)  # [2048]
        x = self.dropout(x)
        x = self.fc(x)  # [1000]
        if self.training:
            return InceptionV3Output(x, auxlogits)
        return x
