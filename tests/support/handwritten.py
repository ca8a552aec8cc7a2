"""Networks of `tests/data/outside` as one writes them by hand from the papers, in PyTorch's own idiom."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


def conv_bn(inputs: int, outputs: int, window: int, stride: int = 1, *, bias: bool = False) -> list[nn.Module]:
    conv = nn.Conv2d(inputs, outputs, window, stride, window // 2, bias=bias)
    return [conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]


def double(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(*conv_bn(inputs, outputs, 3, bias=True), *conv_bn(outputs, outputs, 3, bias=True))


class SegNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        widths = (8, 16, 32)
        self.encoder, self.decoder = nn.ModuleList(), nn.ModuleList()
        for before, width in zip((3, *widths), widths, strict=False):
            self.encoder.append(double(before, width))
        for width, after in ((32, 16), (16, 8), (8, 8)):
            self.decoder.append(
                nn.Sequential(*conv_bn(width, width, 3, bias=True), *conv_bn(width, after, 3, bias=True))
            )
        self.pool, self.unpool = nn.MaxPool2d(2, return_indices=True), nn.MaxUnpool2d(2)
        self.head = nn.Conv2d(8, 5, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        switches = []
        for stage in self.encoder:
            x, places = self.pool(stage(x))
            switches.append(places)
        for stage in self.decoder:
            x = stage(self.unpool(x, switches.pop()))
        return cast(Tensor, self.head(x))


class Basic(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.block = nn.Sequential(*conv_bn(inputs, outputs, 3, stride), *conv_bn(outputs, outputs, 3)[:2])
        self.down: nn.Module = nn.Identity()
        if stride > 1:
            self.down = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.block(x) + self.down(x))


def upward(inputs: int, outputs: int) -> nn.Sequential:
    middle = inputs // 4
    doubled = nn.ConvTranspose2d(middle, middle, 3, 2, 1, 1, bias=False)
    norm = [nn.BatchNorm2d(middle), nn.ReLU(inplace=True)]
    return nn.Sequential(*conv_bn(inputs, middle, 1), doubled, *norm, *conv_bn(middle, outputs, 1))


class LinkNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(*conv_bn(3, 16, 7, 2), nn.MaxPool2d(3, 2, 1))
        self.first = nn.Sequential(Basic(16, 16, 1), Basic(16, 16, 1))
        self.second = nn.Sequential(Basic(16, 32, 2), Basic(32, 32, 1))
        self.third = nn.Sequential(Basic(32, 64, 2), Basic(64, 64, 1))
        self.up3, self.up2, self.up1 = upward(64, 32), upward(32, 16), upward(16, 16)
        enlarged = [nn.ConvTranspose2d(16, 8, 3, 2, 1, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True)]
        self.head = nn.Sequential(*enlarged, *conv_bn(8, 8, 3), nn.ConvTranspose2d(8, 4, 2, 2))

    def forward(self, x: Tensor) -> Tensor:
        first = self.first(self.stem(x))
        second = self.second(first)
        x = self.up3(self.third(second)) + second
        x = self.up2(x) + first
        return cast(Tensor, self.head(self.up1(x)))


class NonLocalUnit(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.g, self.theta, self.phi = (nn.Conv2d(channels, half, 1) for _ in range(3))
        self.out = nn.Sequential(nn.Conv2d(half, channels, 1), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        g = self.g(x).flatten(2).permute(0, 2, 1)
        theta = self.theta(x).flatten(2).permute(0, 2, 1)
        phi = self.phi(x).flatten(2)
        y = torch.matmul(F.softmax(torch.matmul(theta, phi), dim=-1), g)
        y = y.permute(0, 2, 1).contiguous().view(x.shape[0], -1, *x.shape[2:])
        return cast(Tensor, self.out(y) + x)


class NonLocal(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.near = nn.Conv2d(3, 16, 3, 2, 1), NonLocalUnit(16)
        self.second, self.far = nn.Conv2d(16, 32, 3, 2, 1), NonLocalUnit(32)
        self.head = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.near(F.relu(self.first(x)))
        x = self.far(F.relu(self.second(x)))
        return cast(Tensor, self.head(x.mean([2, 3])))


class MBConv(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        wide = 4 * inputs
        self.norm = nn.BatchNorm2d(inputs)
        self.expand, self.bn1 = nn.Conv2d(inputs, wide, 1, bias=False), nn.BatchNorm2d(wide)
        self.depthwise = nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False)
        self.bn2 = nn.BatchNorm2d(wide)
        self.squeeze = nn.Linear(wide, inputs // 4, bias=False)
        self.excite = nn.Linear(inputs // 4, wide, bias=False)
        self.project, self.bn3 = nn.Conv2d(wide, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride == 2:
            self.shortcut = nn.Sequential(nn.MaxPool2d(3, 2, 1), nn.Conv2d(inputs, outputs, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        y = F.gelu(self.bn1(self.expand(self.norm(x))))
        y = F.gelu(self.bn2(self.depthwise(y)))
        gate = torch.sigmoid(self.excite(F.gelu(self.squeeze(y.mean((2, 3))))))
        y = self.bn3(self.project(y * gate[:, :, None, None]))
        return cast(Tensor, self.shortcut(x) + y)


class RelativeAttention(nn.Module):
    index: Tensor

    def __init__(self, channels: int, side: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(channels)
        self.qkv, self.out = nn.Linear(channels, 3 * channels, bias=False), nn.Linear(channels, channels)
        self.table = nn.Parameter(torch.randn((2 * side - 1) ** 2, heads))
        places = torch.stack(torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")).flatten(1)
        apart = places[:, :, None] - places[:, None, :] + side - 1
        self.register_buffer("index", (apart[0] * (2 * side - 1) + apart[1]).flatten())

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, channels = x.shape
        qkv = self.qkv(self.norm(x)).reshape(batch, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        scores = (q @ k.transpose(-1, -2)) * (channels // self.heads) ** -0.5
        bias = self.table[self.index].view(tokens, tokens, -1).permute(2, 0, 1).unsqueeze(0)
        y = (scores + bias).softmax(-1) @ v
        return cast(Tensor, self.out(y.transpose(1, 2).reshape(batch, tokens, channels)))


class CoAt(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.GELU())
        self.convs = nn.Sequential(MBConv(16, 32, 2), MBConv(32, 32, 1))
        self.patches, self.attention = nn.Conv2d(32, 64, 2, 2), RelativeAttention(64, 4)
        self.mlp = nn.Sequential(nn.LayerNorm(64), nn.Linear(64, 256), nn.GELU(), nn.Linear(256, 64))
        self.head = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(self.convs(self.stem(x))).flatten(2).transpose(1, 2)
        x = x + self.attention(x)
        x = x + self.mlp(x)
        return cast(Tensor, self.head(x.mean(1)))


class UNetPlusPlus(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.x00, self.x10, self.x20 = double(3, 8), double(8, 16), double(16, 32)
        self.x01, self.x11, self.x02 = double(24, 8), double(48, 16), double(32, 8)
        self.pool = nn.MaxPool2d(2)
        self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.head = nn.Conv2d(8, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x00 = self.x00(x)
        x10 = self.x10(self.pool(x00))
        x01 = self.x01(torch.cat([x00, self.up(x10)], 1))
        x20 = self.x20(self.pool(x10))
        x11 = self.x11(torch.cat([x10, self.up(x20)], 1))
        return cast(Tensor, self.head(self.x02(torch.cat([x00, x01, self.up(x11)], 1))))


NETWORKS: dict[str, type[nn.Module]] = {
    "segnet:SegNet": SegNet,
    "linknet:LinkNet": LinkNet,
    "nonlocal:NonLocal": NonLocal,
    "coatnet:CoAt": CoAt,
    "unetpp:UPP": UNetPlusPlus,
}
