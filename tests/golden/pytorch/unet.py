"""UNet, 31_030_658 parameters: Ronneberger, Fischer & Brox 2015, Figure 1."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class DoubleConv(nn.Sequential):
    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, channels, 3),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3),
            nn.ReLU(inplace=True),
        )


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down0 = DoubleConv(1, 64)
        self.down1 = DoubleConv(64, 128)
        self.down2 = DoubleConv(128, 256)
        self.down3 = DoubleConv(256, 512)
        self.bottom = DoubleConv(512, 1024)
        self.up3 = nn.ConvTranspose2d(1024, 512, 2, stride=2)
        self.merge3 = DoubleConv(1024, 512)
        self.up2 = nn.ConvTranspose2d(512, 256, 2, stride=2)
        self.merge2 = DoubleConv(512, 256)
        self.up1 = nn.ConvTranspose2d(256, 128, 2, stride=2)
        self.merge1 = DoubleConv(256, 128)
        self.up0 = nn.ConvTranspose2d(128, 64, 2, stride=2)
        self.merge0 = DoubleConv(128, 64)
        self.head = nn.Conv2d(64, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.down0(x)  # [64, 568, 568]
        down1 = self.down1(F.max_pool2d(x, 2))  # [128, 280, 280]
        down2 = self.down2(F.max_pool2d(down1, 2))  # [256, 136, 136]
        down3 = self.down3(F.max_pool2d(down2, 2))  # [512, 64, 64]
        y = self.bottom(F.max_pool2d(down3, 2))  # [1024, 28, 28]
        up = self.up3(y)  # [512, 56, 56]
        del y
        y = torch.cat([down3[:, :, 4:-4, 4:-4], up], dim=1)  # [1024, 56, 56]
        del down3, up
        y = self.merge3(y)  # [512, 52, 52]
        up = self.up2(y)  # [256, 104, 104]
        del y
        y = torch.cat([down2[:, :, 16:-16, 16:-16], up], dim=1)  # [512, 104, 104]
        del down2, up
        y = self.merge2(y)  # [256, 100, 100]
        up = self.up1(y)  # [128, 200, 200]
        del y
        y = torch.cat([down1[:, :, 40:-40, 40:-40], up], dim=1)  # [256, 200, 200]
        del down1, up
        y = self.merge1(y)  # [128, 196, 196]
        up = self.up0(y)  # [64, 392, 392]
        del y
        x = torch.cat([x[:, :, 88:-88, 88:-88], up], dim=1)  # [128, 392, 392]
        del up
        x = self.merge0(x)  # [64, 388, 388]
        return self.head(x)  # [2, 388, 388]
