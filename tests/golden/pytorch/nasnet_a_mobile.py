"""NASNetAMobile, 5_289_978 parameters: Zoph et al. 2018, Figures 2 and 4."""

from collections import OrderedDict

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class SameConv2d(nn.Conv2d):
    """A convolution padded so that its stride alone sets the size of the result; an odd row stands after the input."""

    def forward(self, x: Tensor) -> Tensor:
        axes = zip(x.shape[2:], self.kernel_size, self.stride, self.dilation, strict=True)
        rows = [max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0) for n, k, s, d in axes]
        if any(r % 2 for r in rows):
            x = F.pad(x, [pad for r in reversed(rows) for pad in (r // 2, r - r // 2)])
            rows = [0] * len(rows)
        padding = [r // 2 for r in rows]
        return F.conv2d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Project(nn.Module):
    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn = nn.BatchNorm2d(channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(F.relu(x))
        return self.bn(x)


class SeparableConv(nn.Sequential):
    def __init__(self, in_channels: int, channels: int, window: int, stride: int = 1) -> None:
        super().__init__()
        self.depthwise_conv2d = SameConv2d(in_channels, in_channels, window, stride, groups=in_channels, bias=False)
        self.pointwise_conv2d = nn.Conv2d(in_channels, channels, 1, bias=False)


class Separable(nn.Module):
    """A separable convolution, applied twice; the stride is the first one's."""

    def __init__(self, in_channels: int, channels: int, window: int, stride: int = 1) -> None:
        super().__init__()
        self.separable_1 = SeparableConv(in_channels, channels, window, stride=stride)
        self.bn_sep_1 = nn.BatchNorm2d(channels, eps=0.001)
        self.separable_2 = SeparableConv(channels, channels, window)
        self.bn_sep_2 = nn.BatchNorm2d(channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        x = self.separable_1(F.relu(x))
        x = F.relu(self.bn_sep_1(x), inplace=True)
        x = self.separable_2(x)
        return self.bn_sep_2(x)


class Reduction(nn.Module):
    """Figure 4, right: what reads `h` and `p` has a stride of 2. In the first, `p` is `before` as it is."""

    def __init__(
        self, in_channels: int, before_channels: int, channels: int, first: bool = False, conv_prev_1x1: bool = False
    ) -> None:
        super().__init__()
        self.padding = 1 if first else 0
        self.conv_prev_1x1 = Project(in_channels, channels) if conv_prev_1x1 else None
        self.conv_1x1 = Project(in_channels, channels)
        self.path_1 = None
        if before_channels != in_channels:
            self.path_1 = nn.Sequential(OrderedDict(conv=nn.Conv2d(32, 11, 1, bias=False)))
            self.path_2 = nn.Sequential(OrderedDict(conv=nn.Conv2d(32, 11, 1, bias=False)))
            self.final_path_bn = nn.BatchNorm2d(channels, eps=0.001)
        self.comb_iter_0_left = Separable(channels, channels, 5, stride=2)
        self.comb_iter_0_right = Separable(before_channels if first else channels, channels, 7, stride=2)
        self.comb_iter_1_right = Separable(before_channels if first else channels, channels, 7, stride=2)
        self.comb_iter_2_right = Separable(before_channels if first else channels, channels, 5, stride=2)
        self.comb_iter_4_left = Separable(channels, channels, 3)

    def forward(self, x: Tensor, before: Tensor) -> Tensor:
        if self.conv_prev_1x1 is not None:
            p = self.conv_prev_1x1(before)
        h = self.conv_1x1(x)
        if self.conv_prev_1x1 is None:
            if self.path_1 is not None:
                x = F.relu(before)
                path_1 = self.path_1(F.avg_pool2d(x, 1, stride=2))  # [11, 56, 56]
                x = F.pad(x[:, :, 1:, 1:], (0, 1, 0, 1))
                x = F.avg_pool2d(x, 1, stride=2)  # [32, 56, 56]
                x = self.path_2(x)  # [11, 56, 56]
                x = torch.cat([path_1, x], dim=1)  # [22, 56, 56]
                del path_1
                p = self.final_path_bn(x)
                del x
            else:
                p = before
        a = self.comb_iter_0_left(h)
        a += self.comb_iter_0_right(p)
        b = F.max_pool2d(h, 3, stride=2, padding=self.padding, ceil_mode=True)
        b += self.comb_iter_1_right(p)
        x = F.avg_pool2d(h, 3, stride=2, padding=self.padding, ceil_mode=True, count_include_pad=False)
        x += self.comb_iter_2_right(p)
        del p
        y = F.avg_pool2d(a, 3, stride=1, padding=1, count_include_pad=False)
        y += b
        a = self.comb_iter_4_left(a)
        a += F.max_pool2d(h, 3, stride=2, padding=self.padding, ceil_mode=True)
        del h
        return torch.cat([b, x, y, a], dim=1)


class Normal(nn.Module):
    """Figure 4, left."""

    def __init__(self, in_channels: int, before_channels: int, channels: int, conv_prev_1x1: bool = False) -> None:
        super().__init__()
        self.conv_prev_1x1 = Project(before_channels, channels) if conv_prev_1x1 else None
        self.conv_1x1 = Project(in_channels, channels)
        if not conv_prev_1x1:
            self.path_1 = nn.Sequential(OrderedDict(conv=nn.Conv2d(before_channels, channels // 2, 1, bias=False)))
            self.path_2 = nn.Sequential(OrderedDict(conv=nn.Conv2d(before_channels, channels // 2, 1, bias=False)))
            self.final_path_bn = nn.BatchNorm2d(channels, eps=0.001)
        self.comb_iter_0_left = Separable(channels, channels, 5)
        self.comb_iter_0_right = Separable(channels, channels, 3)
        self.comb_iter_1_left = Separable(channels, channels, 5)
        self.comb_iter_1_right = Separable(channels, channels, 3)
        self.comb_iter_4_left = Separable(channels, channels, 3)

    def forward(self, x: Tensor, before: Tensor) -> Tensor:
        if self.conv_prev_1x1 is not None:
            p = self.conv_prev_1x1(before)
        h = self.conv_1x1(x)
        if self.conv_prev_1x1 is None:
            x = F.relu(before)
            path_1 = self.path_1(F.avg_pool2d(x, 1, stride=2))
            x = F.pad(x[:, :, 1:, 1:], (0, 1, 0, 1))
            x = F.avg_pool2d(x, 1, stride=2)
            x = self.path_2(x)
            x = torch.cat([path_1, x], dim=1)
            del path_1
            p = self.final_path_bn(x)
            del x
        comb_iter_0_left = self.comb_iter_0_left(h)
        comb_iter_0_left += self.comb_iter_0_right(p)
        comb_iter_1_left = self.comb_iter_1_left(p)
        comb_iter_1_left += self.comb_iter_1_right(p)
        x = F.avg_pool2d(h, 3, stride=1, padding=1, count_include_pad=False)
        x += p
        y = F.avg_pool2d(p, 3, stride=1, padding=1, count_include_pad=False)
        y += F.avg_pool2d(p, 3, stride=1, padding=1, count_include_pad=False)
        z = self.comb_iter_4_left(h)
        z += h
        del h
        return torch.cat([p, comb_iter_0_left, comb_iter_1_left, x, y, z], dim=1)


class NASNetAMobile(nn.Module):
    """NASNet-A (n @ p): n normal cells at each of three sizes, p maps before the classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.conv0 = nn.Sequential(
            OrderedDict(conv=nn.Conv2d(3, 32, 3, stride=2, bias=False), bn=nn.BatchNorm2d(32, eps=0.001))
        )
        self.cell_stem_0 = Reduction(32, 32, 11, first=True)
        self.cell_stem_1 = Reduction(44, 32, 22)
        self.cell_0 = Normal(88, 44, 44)
        self.cell_1 = Normal(264, 88, 44, conv_prev_1x1=True)
        self.cell_2 = Normal(264, 264, 44, conv_prev_1x1=True)
        self.cell_3 = Normal(264, 264, 44, conv_prev_1x1=True)
        self.reduction_cell_0 = Reduction(264, 264, 88, conv_prev_1x1=True)
        self.cell_4 = Normal(352, 264, 88)
        self.cell_5 = Normal(528, 352, 88, conv_prev_1x1=True)
        self.cell_6 = Normal(528, 528, 88, conv_prev_1x1=True)
        self.cell_7 = Normal(528, 528, 88, conv_prev_1x1=True)
        self.reduction_cell_1 = Reduction(528, 528, 176, conv_prev_1x1=True)
        self.cell_8 = Normal(704, 528, 176)
        self.cell_9 = Normal(1056, 704, 176, conv_prev_1x1=True)
        self.cell_10 = Normal(1056, 1056, 176, conv_prev_1x1=True)
        self.cell_11 = Normal(1056, 1056, 176, conv_prev_1x1=True)
        self.last_linear = nn.Linear(1056, 1000)

    def forward(self, x: Tensor) -> Tensor:
        before = self.conv0(x)  # [32, 111, 111]
        x = self.cell_stem_0(before, before)  # [44, 56, 56]
        x, before = self.cell_stem_1(x, before), x  # [88, 28, 28]
        for i in range(4):
            x, before = getattr(self, f"cell_{i}")(x, before), x
        x, before = self.reduction_cell_0(x, before), x  # [352, 14, 14]
        for i in range(4, 8):
            x, before = getattr(self, f"cell_{i}")(x, before), x
        x, before = self.reduction_cell_1(x, before), x  # [704, 7, 7]
        for i in range(8, 12):
            x, before = getattr(self, f"cell_{i}")(x, before), x
        x = F.relu(x, inplace=True)
        del before
        x = torch.flatten(F.adaptive_avg_pool2d(x, 1), 1)  # [1056]
        x = F.dropout(x, 0.5, self.training)
        return self.last_linear(x)  # [1000]
