"""Receptive fields against the support of real gradients, in double precision with positive weights.

A max-pool hands its gradient to one place only, so the modules compared with have average pools of the same geometry.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from archdsl.analyses import Facts
from archdsl.analyses.receptive_field import Field
from archdsl.ir import Network, Op
from tests.support.build import finish, image, network, op, sequence

torch.set_num_threads(1)


class Window(NamedTuple):
    kind: str
    size: tuple[int, int]
    stride: tuple[int, int]
    pad: tuple[int, int]
    dilation: tuple[int, int]

    def op(self) -> Op:
        if self.kind == "conv":
            return op("conv", 2, self.size, self.stride, pad=self.pad, dilation=self.dilation, bias=False)
        return op(self.kind, self.size, self.stride, pad=self.pad)

    def module(self, channels: int) -> nn.Module:
        if self.kind != "conv":
            return nn.AvgPool2d(self.size, self.stride, self.pad)
        conv = nn.Conv2d(channels, 2, self.size, self.stride, self.pad, self.dilation, bias=False).double()
        nn.init.uniform_(conv.weight, 0.5, 1.0)
        return conv


def random_windows(random: Random, count: int, height: int, width: int) -> list[Window]:
    """Windows that fit one after the other; sizes, strides and padding differ between the axes."""
    windows: list[Window] = []
    sizes = (height, width)
    while len(windows) < count:
        kind = random.choice(["conv", "conv", "maxpool", "avgpool"])
        size = (random.randint(1, 4), random.randint(1, 4))
        dilation = (random.randint(1, 2), random.randint(1, 2)) if kind == "conv" else (1, 1)
        pad = (random.randint(0, size[0] // 2), random.randint(0, size[1] // 2))
        window = Window(kind, size, (random.choice((1, 1, 2, 3)), random.choice((1, 1, 2))), pad, dilation)
        extents = [d * (k - 1) + 1 for k, d in zip(size, dilation, strict=True)]
        sizes = tuple((n + 2 * p - e) // s + 1 for n, p, e, s in zip(sizes, pad, extents, window.stride, strict=True))
        if min(sizes) < 1:
            return windows
        windows.append(window)
    return windows


def support(found: Tensor, x: Tensor, unit: tuple[int, int]) -> list[tuple[int, int]] | None:
    """The first and last row and column of the input that change a unit; None where none does (all padding)."""
    (gradient,) = torch.autograd.grad(found[0, :, unit[0], unit[1]].sum(), x, retain_graph=True)
    hit = gradient[0].sum(0) != 0
    if not hit.any():
        return None
    places = [hit.any(axis).nonzero().flatten() for axis in (1, 0)]
    return [(int(p[0]), int(p[-1])) for p in places]


def predicted(field: Field, x: Tensor, unit: tuple[int, int]) -> list[tuple[int, int]]:
    """What a unit reads, without the padding."""
    rows = [axis.rows(i) for axis, i in zip(field.axes, unit, strict=True)]
    sizes = x.shape[2:]
    return [(max(r.first, 0), min(r.last, n - 1)) for r, n in zip(rows, sizes, strict=True) if r is not None]


def units(found: Tensor) -> list[tuple[int, int]]:
    """The corners and the middle."""
    height, width = found.shape[2:]
    return [(i, j) for i in {0, height // 2, height - 1} for j in {0, width // 2, width - 1}]


class Chain(NamedTuple):
    """A chain of windows with its prediction, and a real run of it."""

    field: Field
    x: Tensor
    found: Tensor


def random_chain(seed: int) -> Chain:
    random = Random(seed)
    height, width = random.randint(30, 60), random.randint(30, 60)
    windows = random_windows(random, random.randint(1, 5), height, width)
    field = Facts(sequence(*(w.op() for w in windows), input=image(2, height, width))).fields.of("logits")
    assert field is not None and field.status == "exact"
    x = torch.randn(1, 2, height, width, dtype=torch.float64, requires_grad=True)
    return Chain(field, x, nn.Sequential(*(w.module(2) for w in windows))(x))


def is_inside(chain: Chain, unit: tuple[int, int]) -> bool:
    """Whether the field lies so far inside that no window on the way reads padding."""
    rows = [axis.rows(i) for axis, i in zip(chain.field.axes, unit, strict=True)]
    margins = [5 * (axis.stride or 0) for axis in chain.field.axes]
    sizes = chain.x.shape[2:]
    return all(r and r.first >= m and r.last < n - m for r, m, n in zip(rows, margins, sizes, strict=True))


@pytest.mark.parametrize("seed", range(40))
def test_chains_of_windows_are_exact(seed: int) -> None:
    """A unit inside reads just the rows that are named, one at the border no others."""
    chain = random_chain(seed)
    for unit in units(chain.found):
        real = support(chain.found, chain.x, unit)
        if real is not None and is_inside(chain, unit):
            assert predicted(chain.field, chain.x, unit) == real
        elif real is not None:
            assert encloses(predicted(chain.field, chain.x, unit), real)


def test_enough_chains_have_units_inside() -> None:
    chains = map(random_chain, range(40))
    assert sum(is_inside(c, (c.found.shape[2] // 2, c.found.shape[3] // 2)) for c in chains) >= 15


def encloses(outer: list[tuple[int, int]], inner: list[tuple[int, int]]) -> bool:
    return all(a <= c and d <= b for (a, b), (c, d) in zip(outer, inner, strict=True))


def branches(seed: int, merge: str) -> tuple[Network, list[list[Window]], int]:
    """Two chains on one image; for `concat` of the same strides, for gates one of them ends in a global pool."""
    random = Random(seed)
    size = random.randint(16, 30)
    chains: list[list[Window]] = []
    stride = random.choice([1, 2])
    for _ in range(2):
        widths = [random.choice([1, 3, 5]) for _ in range(random.randint(1, 3))]
        chain = [Window("conv", (k, k), (1, 1), (k // 2, k // 2), (1, 1)) for k in widths]
        chains.append([*chain, Window("conv", (3, 3), (stride, stride), (1, 1), (1, 1))])
    body, (x,) = network("Branches", image(2, size))
    ends = [body.chain(x, *(w.op() for w in chain)) for chain in chains]
    if merge == "multiply":
        ends[1] = body.one(op("avgpool", "global"), ends[1])
    return finish(body, body.one(op(merge), *ends)), chains, size


@pytest.mark.parametrize("merge", ["add", "concat"])
@pytest.mark.parametrize("seed", range(10))
def test_where_paths_join_the_field_is_their_union(seed: int, merge: str) -> None:
    net, chains, size = branches(seed, merge)
    x = torch.randn(1, 2, size, size, dtype=torch.float64, requires_grad=True)
    found = torch.cat([nn.Sequential(*(w.module(2) for w in chain))(x) for chain in chains], 1)
    field = Facts(net).fields.of("logits")
    assert field is not None and field.status == "exact"
    for unit in units(found):
        assert predicted(field, x, unit) == support(found, x, unit)


@pytest.mark.parametrize("seed", range(5))
def test_behind_a_gate_every_unit_reads_all(seed: int) -> None:
    net, chains, size = branches(seed, "multiply")
    x = torch.rand(1, 2, size, size, dtype=torch.float64, requires_grad=True)
    left, right = (nn.Sequential(*(w.module(2) for w in chain))(x) for chain in chains)
    found = left * right.mean((2, 3), keepdim=True)
    field = Facts(net).fields.of("logits")
    assert field is not None
    for unit in units(found):
        assert predicted(field, x, unit) == support(found, x, unit)


def test_rows_that_no_window_reads_are_not_in_the_field_of_what_follows() -> None:
    """A 3x3 pool with stride 2 leaves the last row of 8 alone, and a linear layer behind it cannot see it."""
    net = sequence(op("maxpool", 3, 2), op("flatten"), op("linear", 1), input=image(1, 8))
    x = torch.randn(1, 1, 8, 8, dtype=torch.float64, requires_grad=True)
    linear = nn.Linear(9, 1, dtype=torch.float64)
    found = linear(torch.flatten(nn.AvgPool2d(3, 2)(x), 1)).reshape(1, 1, 1, 1)
    field = Facts(net).fields.of("logits")
    assert field is not None and (field.status, field.size) == ("exact", (7, 7))
    assert predicted(field, x, (0, 0)) == support(found, x, (0, 0)) == [(0, 6), (0, 6)]
