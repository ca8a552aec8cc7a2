"""The blocks of the prelude compute what PyTorch's own modules do, and modules written by hand, under the published keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from archdsl.backends.pytorch import build
from archdsl.pipeline import open_source
from archdsl.source import Source


def compiled(body: str) -> nn.Module:
    """A network with a body, in evaluation, with statistics of norms that are not those of a new one."""
    checked = open_source(Source("case.arch", f"network Net {{\n{body}\n}}\n"), Path()).check("Net")
    assert checked.network is not None, checked.problems
    module = build(checked.network)
    for norm in (m for m in module.modules() if isinstance(m, nn.BatchNorm2d)):
        for tensor in (norm.running_mean, norm.running_var, norm.weight, norm.bias):
            assert tensor is not None
            nn.init.uniform_(tensor, 0.5, 1.5)
    return module.eval()


def conv_bn(channels: int, out: int, size: int = 3, **options: Any) -> nn.Sequential:
    padding = options.pop("dilation", 1)
    conv = nn.Conv2d(channels, out, size, padding=padding * (size // 2), dilation=padding, bias=False, **options)
    return nn.Sequential(conv, nn.BatchNorm2d(out), nn.ReLU())


class Separable(nn.Sequential):
    def __init__(self) -> None:
        depthwise = nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8, bias=False)
        super().__init__(depthwise, nn.Conv2d(8, 16, 1, bias=False))


class SqueezeExcite(nn.Module):
    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(channels, squeezed, 1), nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = x.mean((2, 3), keepdim=True)
        return x * torch.sigmoid(self.fc2(F.relu(self.fc1(y))))


class InvertedResidual(nn.Module):
    """With squeeze and excitation, whose place in the sequence is the third."""

    def __init__(self) -> None:
        super().__init__()
        wide, deep = conv_bn(8, 48, 1), conv_bn(48, 48, groups=48)
        wide[2] = deep[2] = nn.ReLU6()
        narrow = nn.Conv2d(48, 8, 1, bias=False)
        self.conv = nn.Sequential(wide, deep, SqueezeExcite(48, 2), narrow, nn.BatchNorm2d(8))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv[1](self.conv[0](x))
        squeeze = self.conv[2]
        assert isinstance(squeeze, SqueezeExcite)
        gate = torch.sigmoid(squeeze.fc2(F.relu6(squeeze.fc1(y.mean((2, 3), keepdim=True)))))
        return x + self.conv[4](self.conv[3](gate * y))


class Residual(nn.Module):
    """Convolutions `conv1` ... with their norms, and perhaps a projection."""

    def __init__(self, *convs: nn.Conv2d, downsample: nn.Module | None = None) -> None:
        super().__init__()
        self.depth = len(convs)
        for number, conv in enumerate(convs, 1):
            self.add_module(f"conv{number}", conv)
            self.add_module(f"bn{number}", nn.BatchNorm2d(conv.out_channels))
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for number in range(1, self.depth + 1):
            y = self.get_submodule(f"bn{number}")(self.get_submodule(f"conv{number}")(y))
            y = F.relu(y) if number < self.depth else y
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


def basic_block() -> nn.Module:
    down = nn.Sequential(nn.Conv2d(8, 16, 1, stride=2, bias=False), nn.BatchNorm2d(16))
    first, second = (nn.Conv2d(c, 16, 3, stride=s, padding=1, bias=False) for c, s in ((8, 2), (16, 1)))
    return Residual(first, second, downsample=down)


def bottleneck() -> nn.Module:
    inner = nn.Conv2d(4, 4, 3, padding=1, groups=2, bias=False)
    return Residual(nn.Conv2d(8, 4, 1, bias=False), inner, nn.Conv2d(4, 8, 1, bias=False))


class Mlp(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(8, 20), nn.Linear(20, 8)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return y


def encoder(prenorm: bool) -> nn.Module:
    return nn.TransformerEncoderLayer(8, 2, 20, 0.1, F.gelu, batch_first=True, norm_first=prenorm)


class Patches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Conv2d(8, 12, 4, stride=4)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.proj(x)
        return y.flatten(2).transpose(1, 2)


class Aspp(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        dilated = [conv_bn(8, 4, dilation=rate) for rate in (2, 3)]
        pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), *conv_bn(8, 4, 1))
        self.convs = nn.ModuleList([conv_bn(8, 4, 1), *dilated, pooled])
        self.project = conv_bn(16, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        *same, pooled = (conv(x) for conv in self.convs)
        y: Tensor = self.project(torch.cat([*same, pooled.expand_as(same[0])], 1))
        return y


class Attention(nn.Module):
    """As Vaswani et al. 2017 have it, under timm's names, head by head."""

    def __init__(self, heads: int, kv_heads: int) -> None:
        super().__init__()
        self.size = 8 // heads
        self.heads, self.kv_heads = heads, kv_heads
        self.qkv, self.proj = nn.Linear(8, 8 + 2 * kv_heads * self.size), nn.Linear(8, 8)

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        heads = self.qkv(x).split(self.size, -1)
        found = []
        for h in range(self.heads):
            shared = self.heads + h // (self.heads // self.kv_heads)
            scores = heads[h] @ heads[shared].mT / self.size**0.5 + (0 if bias is None else bias[h])
            found.append(scores.softmax(-1) @ heads[shared + self.kv_heads])
        y: Tensor = self.proj(torch.cat(found, -1))
        return y


IMAGE = "input x: [8, 16, 16]"
TOKENS = "input x: [6, 8]"
BLOCKS: list[tuple[str, str, Callable[[], nn.Module]]] = [
    (IMAGE, "conv_bn(12, 3x3)", lambda: conv_bn(8, 12)),
    (IMAGE, "separable_conv(16, stride=2)", Separable),
    (IMAGE, "squeeze_excite(3)", lambda: SqueezeExcite(8, 3)),
    (IMAGE, "inverted_residual(8, squeezed=2)", InvertedResidual),
    (IMAGE, "basic_block(16, stride=2)", basic_block),
    (IMAGE, "bottleneck(2, groups=2, inner=4)", bottleneck),
    (IMAGE, "double_conv(5)", lambda: nn.Sequential(*conv_bn(8, 5), *conv_bn(5, 5))),
    (IMAGE, "channel_shuffle(4)", lambda: nn.ChannelShuffle(4)),
    (TOKENS, "mlp(20)", Mlp),
    (TOKENS, "transformer_encoder(2, 20)", lambda: encoder(True)),
    (TOKENS, "transformer_encoder(2, 20, prenorm=false)", lambda: encoder(False)),
    (TOKENS, "qkv_attention(4)", lambda: Attention(4, 4)),
    (TOKENS, "qkv_attention(4, kv_heads=2)", lambda: Attention(4, 2)),
    (IMAGE, "patch_embed(12, 4)", Patches),
    (IMAGE, "aspp(4, [2, 3])", Aspp),
]


@pytest.mark.parametrize(("input", "call", "make"), BLOCKS, ids=[call for _, call, _ in BLOCKS])
@torch.no_grad()
def test_block(input: str, call: str, make: Callable[[], nn.Module]) -> None:
    ours = compiled(f"{input}\nunit: {call}")
    theirs = make().eval()
    theirs.load_state_dict(ours.get_submodule("unit").state_dict())
    x = torch.randn(2, *((8, 16, 16) if input == IMAGE else (6, 8)))
    torch.testing.assert_close(ours(x), theirs(x))


@torch.no_grad()
def test_attention_with_a_bias() -> None:
    """In each of three windows."""
    text = "input x: [3, 6, 8]\nbias: parameter([4, 6, 6]) as bias\nx -> unit: biased_attention(bias, 4, kv_heads=2)"
    ours, theirs = compiled(text), Attention(4, 2)
    bias = ours.get_parameter("bias")
    nn.init.normal_(bias)
    theirs.load_state_dict(ours.get_submodule("unit").state_dict())
    x = torch.randn(2, 3, 6, 8)
    torch.testing.assert_close(ours(x), theirs(x, bias))


@torch.no_grad()
def test_fpn() -> None:
    """Each map is its projection and the next coarser one, doubled; the weights are under torchvision's keys."""
    text = "input a: [3, 16, 16]\ninput b: [4, 8, 8]\ninput c: [5, 4, 4]\na as xs[]\nb as xs[]\nc as xs[]\n"
    ours = compiled(text + "xs\nunit: fpn(6) as p, q, r\noutput fine = p\noutput mid = q\noutput coarse = r")
    unit = ours.get_submodule("unit")
    inner = [unit.get_submodule(f"inner_blocks.{i}.0") for i in range(3)]
    outer = [unit.get_submodule(f"layer_blocks.{i}.0") for i in range(3)]
    maps = [torch.randn(2, c, n, n) for c, n in ((3, 16), (4, 8), (5, 4))]
    sums = [inner[2](maps[2])]
    for i in (1, 0):
        sums.insert(0, inner[i](maps[i]) + F.interpolate(sums[0], scale_factor=2.0))
    torch.testing.assert_close(list(ours(*maps)), [conv(x) for conv, x in zip(outer, sums, strict=True)])
    shapes = {key: tuple(tensor.shape) for key, tensor in unit.state_dict().items() if key.endswith("weight")}
    assert shapes == {
        **{f"inner_blocks.{i}.0.weight": (6, c, 1, 1) for i, c in enumerate((3, 4, 5))},
        **{f"layer_blocks.{i}.0.weight": (6, 6, 3, 3) for i in range(3)},
    }
