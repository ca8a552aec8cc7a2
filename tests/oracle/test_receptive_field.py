"""Receptive fields against the support of real gradients, in double precision with positive weights.

A max-pool hands its gradient to one place only, so the modules compared with have average pools of the same geometry.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from random import Random
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from archdsl.analyses import Facts
from archdsl.analyses.receptive_field import Field
from archdsl.ir import Misfit, Network, Op, TensorType
from tests.support.build import finish, image, network, op, sequence
from tests.support.lowered import forms, lowered

torch.set_num_threads(1)
MIRRORS = ("reflect", "replicate")
CHAINS, RUNS = 80, 100
"""With those of two arms, more than two hundred random networks."""


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
    sizes: tuple[int, ...] = (height, width)
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


@pytest.mark.parametrize("seed", range(CHAINS))
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
    chains = map(random_chain, range(CHAINS))
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


class Run(NamedTuple):
    """A chain of any operators with its prediction, and a real run of it."""

    net: Network
    x: Tensor
    found: Tensor


def random_layer(random: Random, type: TensorType) -> Op:
    """A layer that makes maps smaller or larger, moves them, or moves their axes about."""
    small = min(type.sizes) < 6
    kind = random.choice(["conv", "up", "up", "resize", "crop", "pad"] if not small else ["up", "resize", "conv"])
    size, stride = random.randint(1, 4), random.randint(1, 3)
    match kind:
        case "conv":
            return op("conv", 2, size, random.randint(1, 2), pad=size // 2, dilation=random.randint(1, 2), bias=False)
        case "up":
            dilation = random.randint(1, 2)
            return op("conv_transpose", 2, size, stride, pad=random.randint(0, 1), dilation=dilation, bias=False)
        case "resize":
            mode = random.choice(["nearest", "bilinear"])
            factor = random.choice([2, 3])
            to = tuple(n * random.choice([1, 2, 3]) // random.choice([1, 2]) for n in type.sizes)
            return op("upsample", factor, mode=mode) if random.random() < 0.5 else op("upsample", to=to, mode=mode)
        case "crop":
            return op("crop", ((random.randint(0, 2), random.randint(0, 1)), (random.randint(0, 2), 0)))
        case _:
            return op("pad", ((random.randint(0, 2), 0), (0, random.randint(0, 2))))


def positive(layer: Op, type: TensorType) -> nn.Module:
    """The layer in PyTorch, with weights that are all above 0, so that no gradient is 0 by chance."""
    module = lowered(layer, type, form=forms(layer, type)[0]).double()
    for parameter in module.parameters():
        nn.init.uniform_(parameter, 0.5, 1.0)
    return module


@cache
def random_run(seed: int) -> Run:
    random = Random(f"run {seed}")
    start = type = TensorType((2, random.randint(8, 14), random.randint(8, 14)))
    layers: list[Op] = []
    torch.manual_seed(seed)
    found = x = torch.rand(1, *start.shape, dtype=torch.float64, requires_grad=True)
    while len(layers) < random.randint(2, 5):
        layer = random_layer(random, type)
        try:
            (after,) = layer.infer(type)
        except Misfit:
            continue
        if max(after.sizes) > 48 or min(after.sizes) < 2:
            continue
        layers, type, found = [*layers, layer], after, positive(layer, type)(found)
    return Run(sequence(*layers, input=start), x, found)


@pytest.mark.parametrize("seed", range(RUNS))
def test_chains_that_enlarge_maps(seed: int) -> None:
    """Exact in the middle of the map: units read unlike rows in turn, and every one of those is told."""
    run = random_run(seed)
    facts = Facts(run.net).fields
    field = facts.of("logits")
    assert field is not None and field.status in ("exact", "whole input")
    height, width = run.found.shape[2:]
    places = {0, height // 3, height // 2, height // 2 + 1, height - 1}
    for i in places & {*range(height)}:
        j = min(i, width - 1)
        real = support(run.found, run.x, (i, j))
        known = facts.unit("logits", (i, j))
        if known is None or real is None:
            assert real is None or known is not None
            continue
        sizes = run.x.shape[2:]
        for told, (first, last), n in zip(known, real, sizes, strict=True):
            assert told.first <= first and last <= told.last
            if told.first >= 3 and told.last < n - 3 and is_in_the_middle((i, j), (height, width)):
                assert (told.first, told.last) == (first, last)


def test_enough_of_them_are_compared_exactly() -> None:
    compared = 0
    for seed in range(RUNS):
        run = random_run(seed)
        height, width = run.found.shape[2:]
        facts = Facts(run.net).fields
        for i in {height // 3, height // 2, height // 2 + 1} & {*range(height)}:
            known = facts.unit("logits", (i, min(i, width - 1)))
            inside = zip(known or (), run.x.shape[2:], strict=False)
            compared += any(rows.first >= 3 and rows.last < n - 3 for rows, n in inside)
    assert compared > 40


def is_in_the_middle(unit: tuple[int, int], sizes: tuple[int, int]) -> bool:
    return all(n // 3 <= i <= n - 1 - n // 3 for i, n in zip(unit, sizes, strict=True))


@pytest.mark.parametrize(
    ("layers", "reads"),
    [
        # A dense layer over channels that were moved last is a 1x1 convolution; over columns it reads them all.
        ((op("permute", (1, 2, 0)), op("linear", 3), op("permute", (2, 0, 1))), [(4, 4), (5, 5)]),
        ((op("linear", 9),), [(4, 4), (0, 8)]),
        ((op("permute", (0, 2, 1)), op("conv", 2, (3, 1), pad="half")), [(5, 5), (3, 5)]),
        ((op("ln", axis=0), op("conv", 2, 3, pad=1)), [(3, 5), (4, 6)]),
        ((op("slice", 2, axis=1), op("conv", 2, 1)), [(6, 6), (5, 5)]),
        ((op("gn", 1),), [(0, 8), (0, 8)]),
        ((op("conv", 8, 1), op("pixel_shuffle", 2)), [(2, 2), (2, 2)]),
        (
            (op("conv", 16, 1), op("pixel_shuffle", 4), op("conv", 1, 3, pad=1), op("pixel_unshuffle", 2)),
            [(1, 2), (2, 3)],
        ),
        ((op("conv", 6, (1, 3), pad="half"), op("glu", 0)), [(4, 4), (4, 6)]),
        ((op("upsample", 2), op("glu", 1)), [(2, 6), (2, 2)]),
        ((op("reduce_mean", 0, keep=True),), [(4, 4), (5, 5)]),
        ((op("reduce_max", 1), op("linear", 9), op("reshape", (5, 9, 1)), op("tile", 9, -1)), [(0, 8), (0, 8)]),
        ((op("rms_norm", axis=0), op("roll", 2, 0), op("scale", 3)), [(4, 4), (5, 5)]),
    ],
    ids=lambda value: " ".join(layer.summary() for layer in value) if isinstance(value, tuple) else "",
)
def test_axes_that_move(layers: tuple[Op, ...], reads: list[tuple[int, int]]) -> None:
    type = TensorType((5, 9, 9))
    facts = Facts(sequence(*layers, input=type)).fields
    found = x = torch.rand(1, *type.shape, dtype=torch.float64, requires_grad=True)
    for layer in layers:
        module = lowered(layer, type, form=forms(layer, type)[0]).double()
        found, (type,) = module(found), layer.infer(type)
    unit = (4, 5)
    assert support(found, x, unit) == reads
    known = facts.unit("logits", unit)
    assert known is not None and [(rows.first, rows.last) for rows in known] == reads


def test_maps_that_were_flattened_have_no_place_but_a_size() -> None:
    """Tokens of 2x2 patches: each reads 2x2 pixels, a dense layer over features nothing more, attention everything."""
    tokens = (op("conv", 4, 2, 2), op("flatten", 1), op("permute", (1, 0)), op("ln"), op("linear", 4))
    field = Facts(sequence(*tokens, input=image(1, 8))).fields.of("logits")
    assert field is not None and (field.status, field.size) == ("exact", (2, 2))
    field = Facts(sequence(*tokens, op("attention", 2), input=image(1, 8))).fields.of("logits")
    assert field is not None and (field.status, field.size) == ("whole input", (8, 8))


def random_padded(seed: int) -> Run:
    """Windows without padding of their own, on maps that are padded with their own rows."""
    random = Random(f"padded {seed}")
    type = TensorType((2, random.randint(9, 14), random.randint(9, 14)))
    layers: list[Op] = []
    torch.manual_seed(seed)
    start, found = type, (x := torch.rand(1, *type.shape, dtype=torch.float64, requires_grad=True))
    for _ in range(random.randint(2, 4)):
        pad = op("pad", [[random.randint(0, 3), random.randint(0, 3)] for _ in "hw"], mode=random.choice(MIRRORS))
        size, dilation = (random.randint(1, 3), random.randint(1, 3)), random.randint(1, 2)
        window = random.choice(
            [
                op("conv", 2, size, random.randint(1, 2), dilation=dilation, bias=False),
                op("avgpool", size, 1),
                op("upsample", 2),
            ]
        )
        for layer in (pad, window):
            try:
                (after,) = layer.infer(type)
            except Misfit:
                break
            if not 2 <= min(after.sizes) <= max(after.sizes) <= 40:
                break
            layers, type, found = [*layers, layer], after, positive(layer, type)(found)
    return Run(sequence(*layers, input=start), x, found)


@pytest.mark.parametrize("seed", range(40))
def test_maps_padded_with_their_own_rows_are_exact_to_the_border(seed: int) -> None:
    run = random_padded(seed)
    facts = Facts(run.net).fields
    field = facts.of("logits")
    assert field is not None and field.status in ("exact", "whole input")
    height, width = run.found.shape[2:]
    for i in range(max(height, width)):
        unit = min(i, height - 1), min(i, width - 1)
        known = facts.unit("logits", unit)
        assert known is not None and [*map(tuple, known)] == support(run.found, run.x, unit)


@pytest.mark.parametrize("mode", MIRRORS)
@pytest.mark.parametrize("layers", range(1, 5))
def test_mirrored_borders_give_the_field_of_zeros(mode: str, layers: int) -> None:
    """Size, stride, start and centre are those of the unit that no border is near to."""

    def net(mode: str) -> Network:
        chain = [layer for n in range(layers) for layer in (op("pad", n % 3, mode=mode), op("conv", 2, 3, 1 + n % 2))]
        return sequence(*chain, input=image(2, 64))

    found, zeros = (Facts(net(m)).fields.of("logits") for m in (mode, "zeros"))
    assert found is not None and zeros is not None and found.status == zeros.status == "exact"
    for own, other in zip(found.axes, zeros.axes, strict=True):
        assert (own.size, own.stride, own.start, own.centre) == (other.size, other.stride, other.start, other.centre)


def test_a_map_that_goes_on_at_its_other_side_has_a_bound() -> None:
    """The first unit reads the first two rows and the last."""
    net = sequence(op("pad", 1, mode="circular"), op("conv", 1, 3, bias=False), input=image(1, 9))
    field = Facts(net).fields.of("logits")
    assert field is not None and (field.status, field.size) == ("bound", (9, 9))
    x = torch.rand(1, 1, 9, 9, dtype=torch.float64, requires_grad=True)
    found = nn.Conv2d(1, 1, 3, bias=False).double()(nn.CircularPad2d(1)(x))
    assert support(found, x, (0, 4)) == [(0, 8), (3, 5)]


@pytest.mark.parametrize(
    ("type", "layers"),
    [
        (TensorType((20,), "int64"), (op("permute", (1, 0)), op("conv", 3, 3, pad="half"), op("conv", 3, 2, 2))),
        (TensorType((20,), "int64"), (op("permute", (1, 0)), op("pad", [[2, 0]]), op("conv", 3, 3))),
        (TensorType((12, 11), "int64"), (op("permute", (2, 0, 1)), op("conv", 3, (3, 5), pad=1))),
        (TensorType((12, 11), "int64"), (op("permute", (2, 1, 0)), op("conv", 3, (3, 5)), op("avgpool", 2, 2))),
        (TensorType((12,), "int64"), (op("linear", 3), op("permute", (1, 0)), op("conv", 3, 4))),
    ],
    ids=str,
)
def test_tokens_have_a_place_along_each_axis(type: TensorType, layers: tuple[Op, ...]) -> None:
    """Against the gradient of what the table gives, whose axes before the last are those of the tokens."""
    facts = Facts(sequence(op("embedding", 9, 4), *layers, input=type)).fields
    field = facts.of("logits")
    assert field is not None and field.status == "exact" and len(field.axes) == type.rank
    (own,) = op("embedding", 9, 4).infer(type)
    x = found = torch.rand(1, *own.shape, dtype=torch.float64, requires_grad=True)
    for layer in layers:
        found, (own,) = positive(layer, own)(found), layer.infer(own)
    for unit in product(*map(range, found.shape[2:])):
        (gradient,) = torch.autograd.grad(found[0].movedim(0, -1)[unit].sum(), x, retain_graph=True)
        hit = (gradient[0] != 0).any(-1).nonzero()
        told = facts.unit("logits", unit)
        assert told is not None
        inside = [(max(r.first, 0), min(r.last, n - 1)) for r, n in zip(told, type.shape, strict=True)]
        assert inside == [(int(rows.min()), int(rows.max())) for rows in hit.T]
