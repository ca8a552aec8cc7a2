"""What operators compute and what they refuse, against PyTorch calls written here by hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product
from random import Random
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from archdsl.ir import Misfit, Op, TensorType
from archdsl.ops import find
from tests.support.calls import op_of, types_of
from tests.support.lowered import forms, lowered, results, sample

Attributes = dict[str, Any]
Draw = Callable[[Random], tuple[Attributes, tuple[TensorType, ...]]]
Reference = Callable[..., Any]


def window(rng: Random, rank: int, largest: int = 3) -> Any:
    """One size, or one for each axis; now and then for one axis too many."""
    axes = rank if rng.random() < 0.95 else rank + 1
    return rng.choice([rng.randint(1, largest), tuple(rng.randint(1, largest) for _ in range(axes))])


def padding(rng: Random, rank: int) -> Any:
    return rng.choice([0, rng.randint(0, 2), tuple(rng.randint(0, 2) for _ in range(rank))])


def maps(rng: Random, channels: int = 4) -> TensorType:
    return TensorType((channels, *(rng.randint(1, 6) for _ in range(rng.randint(1, 3)))))


def conv_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    x = maps(rng, rng.choice([2, 3, 4]))
    rank = x.rank - 1
    return {
        "channels": rng.choice([2, 3, 4]),
        "window": window(rng, rank),
        "stride": window(rng, rank),
        "pad": padding(rng, rank),
        "dilation": window(rng, rank, 2),
        "groups": rng.choice([1, 1, 2, 3]),
    }, (x,)


def conv(x: Tensor, channels: int, window: Any, stride: Any, pad: Any, dilation: Any, groups: int) -> Tensor:
    kind = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[x.dim() - 3]
    return kind(x.shape[1], channels, window, stride, pad, dilation, groups)(x)


def maxpool_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    x = maps(rng)
    rank = x.rank - 1
    given = {
        "window": window(rng, rank),
        "pad": padding(rng, rank),
        "dilation": window(rng, rank, 2),
        "round": rng.choice(["floor", "ceil"]),
    }
    return given | ({"stride": window(rng, rank)} if rng.random() < 0.7 else {}), (x,)


def maxpool(x: Tensor, window: Any, pad: Any, dilation: Any, round: str, stride: Any = None) -> Tensor:
    kind = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)[x.dim() - 3]
    return kind(window, stride, pad, dilation, ceil_mode=round == "ceil")(x)


def avgpool_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    given, (x,) = maxpool_case(rng)
    del given["dilation"]
    if x.rank == 4:
        # PyTorch's 3-D kernel refuses inputs smaller than the window even where padding makes up for it.
        x = x.with_shape((x.channels, *(n + 2 for n in x.sizes)))
    return given | {"count_pad": rng.random() < 0.5}, (x,)


def avgpool(x: Tensor, window: Any, pad: Any, round: str, count_pad: bool, stride: Any = None) -> Tensor:
    kind = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)[x.dim() - 3]
    return kind(window, stride, pad, round == "ceil", count_pad)(x)


def softmax_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    x = TensorType((3, 4, 2)[: rng.randint(1, 3)])
    return {"axis": rng.randint(-x.rank, x.rank + 1)}, (x,)


def flatten_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    x = TensorType((3, 4, 2, 2)[: rng.randint(1, 4)])
    return {"start": rng.randint(-x.rank, x.rank), "stop": rng.randint(-x.rank, x.rank)}, (x,)


def torch_dim(axis: int) -> int:
    return axis + 1 if axis >= 0 else axis


def split_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    x = TensorType(tuple(rng.randint(1, 6) for _ in range(rng.randint(1, 3))))
    sizes = tuple(rng.randint(1, 3) for _ in range(rng.randint(1, 3)))
    return {"parts": sizes, "axis": rng.randint(-x.rank, x.rank - 1)}, (x,)


def merge_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    rank = rng.randint(1, 3)
    sizes = [rng.randint(1, 3) for _ in range(rank)]
    arms = rng.randint(2, 3)
    shapes = [tuple(rng.choice([n, n, 1, rng.randint(1, 3)]) for n in sizes) for _ in range(arms)]
    return {}, tuple(map(TensorType, shapes))


def two_arms(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    given, operands = merge_case(rng)
    return given, operands[:2]


def concat_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    _, operands = merge_case(rng)
    return {"axis": rng.randint(-operands[0].rank, operands[0].rank)}, operands


def bn_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    return {"eps": rng.choice([1e-5, 1e-3])}, (TensorType(tuple(rng.randint(1, 3) for _ in range(rng.randint(1, 6)))),)


def bn(x: Tensor, eps: float) -> Tensor:
    kinds = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
    return kinds[x.dim()](x.shape[1], eps)(x)


def shape_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    return {}, (TensorType(tuple(rng.randint(1, 6) for _ in range(rng.randint(1, 4)))),)


def adaptive_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    x = maps(rng)
    return {"out": window(rng, x.rank - 1, 7)}, (x,)


def adaptive(x: Tensor, out: Any) -> Tensor:
    kind = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)[x.dim() - 3]
    return kind(out)(x)


def some(rng: Random, lowest: int = 0, highest: int = 3, largest: int = 4) -> TensorType:
    """A value with that many axes."""
    return TensorType(tuple(rng.randint(1, largest) for _ in range(rng.randint(lowest, highest))))


def transpose_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    given, (x,) = conv_case(rng)
    return given | {"output_pad": window(rng, x.rank - 1, 2) if rng.random() < 0.3 else 0}, (x,)


def transpose(x: Tensor, channels: int, window: Any, groups: int, output_pad: Any, **rest: Any) -> Tensor:
    kind = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)[x.dim() - 3]
    names = {"pad": "padding"}
    given = {names.get(k, k): v for k, v in rest.items()}
    made = kind(x.shape[1], channels, window, output_padding=output_pad, groups=groups, **given)
    found: Tensor = made(x)
    if not found.numel():
        raise ValueError("nothing is left")  # PyTorch gives an empty tensor
    return found


def permute_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    x = some(rng, 1)
    order = [rng.randint(-x.rank, x.rank - 1) for _ in range(x.rank)]
    return {"order": tuple(order if rng.random() < 0.5 else rng.sample(range(x.rank), x.rank))}, (x,)


def reshape_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    x = some(rng, 1)
    sizes = [rng.choice([1, 2, 3, 4, -1]) for _ in range(rng.randint(1, 3))]
    return {"shape": tuple(sizes if sizes.count(-1) < 2 else [-1])}, (x,)


def select_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    x = some(rng, 1)
    return {"index": rng.randint(-4, 4), "axis": rng.randint(-x.rank, 3)}, (x,)


def unbind_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    x = some(rng, 1)
    return {"axis": rng.randint(-x.rank, 3)}, (x,)


def slice_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    x = some(rng, 1)
    start = rng.randint(0, 2)
    return {"start": start, "stop": start + rng.randint(1, 3), "axis": rng.randint(-x.rank, x.rank - 1)}, (x,)


def narrowed(x: Tensor, start: int, stop: int, axis: int) -> Tensor:
    return x.narrow(torch_dim(axis), start, stop - start)


def pad_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    x = some(rng, 2, 4)
    pairs = tuple((rng.randint(0, 3), rng.randint(0, 3)) for _ in range(x.rank - 1))
    return {"amount": pairs, "mode": rng.choice(["zeros", "reflect", "replicate", "circular"])}, (x,)


def padded(x: Tensor, amount: Any, mode: str) -> Tensor:
    rows = [n for pair in reversed(amount) for n in pair]
    return F.pad(x, rows, "constant" if mode == "zeros" else mode) if any(rows) else x


def gn_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    return {"groups": rng.randint(1, 4)}, (some(rng, 1, 3),)


def group_norm(x: Tensor, groups: int) -> Tensor:
    if x[0].numel() == groups:
        raise ValueError("one value in a group has no variance")  # PyTorch gives the bias
    return F.group_norm(x, groups)


def ln_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    x = some(rng, 1)
    return {"axis": rng.randint(-x.rank, 3)}, (x,)


def ln(x: Tensor, axis: int) -> Tensor:
    moved = x.movedim(torch_dim(axis), -1)
    return F.layer_norm(moved, moved.shape[-1:]).movedim(-1, torch_dim(axis))


def matmul_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    a, b, c = (rng.randint(1, 3) for _ in range(3))
    lead = tuple(rng.randint(1, 3) for _ in range(rng.randint(0, 2)))
    other = lead if rng.random() < 0.5 else tuple(rng.choice([1, n, 2]) for n in lead)
    return {}, (TensorType((*lead, a, b)), TensorType((*other, rng.choice([b, b, 2]), c)))


def einsum_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    sizes = {letter: rng.randint(1, 3) for letter in "hijk"}
    terms = ["".join(rng.sample("hijk", rng.randint(1, 3))) for _ in range(rng.randint(1, 3))]
    result = "".join(rng.sample(sorted({*"".join(terms)}), rng.randint(0, 2 if len({*"".join(terms)}) > 1 else 1)))
    equation = f"{', '.join(' '.join(t) for t in terms)} -> {' '.join(result)}"
    return {"equation": equation}, tuple(TensorType(tuple(sizes[c] for c in t)) for t in terms)


def einsum(*xs: Tensor, equation: str) -> Tensor:
    """By broadcasting and a sum, without PyTorch's own `einsum`."""
    left, right = ("".join(part.split()) for part in equation.split("->"))
    terms = left.split(",")
    letters = right + "".join(sorted({*left} - {*right, ","}))
    product = torch.ones(())
    for x, term in zip(xs, terms, strict=True):
        order = [0, *(1 + term.index(c) for c in letters if c in term)]
        sizes = [x.shape[0], *(x.shape[1 + term.index(c)] if c in term else 1 for c in letters)]
        product = product * x.permute(order).reshape(sizes)
    summed = list(range(1 + len(right), 1 + len(letters)))
    return product.sum(summed) if summed else product


def stack_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    x = some(rng, 1)
    others = [x if rng.random() < 0.9 else some(rng, 1) for _ in range(rng.randint(0, 2))]
    return {"axis": rng.randint(-x.rank - 1, x.rank + 1)}, (x, *others)


def number_case(name: str) -> Draw:
    """A value with any number of axes, and one attribute that is a number."""

    def draw(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
        return {name: rng.choice([0.5, 2, 3, 0.125] if name == "alpha" else [-1, 0.5, 2, 3])}, (some(rng),)

    return draw


def bounds_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    lower = rng.choice([-1, -0.5, 0])
    return {"min": lower, "max": lower + rng.choice([0.5, 1, 2])}, (some(rng),)


def axis_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    x = some(rng, 1)
    return {"axis": rng.randint(-x.rank, 3)}, (x,)


def axes_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    x = some(rng, 1)
    axes = tuple(rng.randint(-x.rank, 3) for _ in range(rng.randint(1, 2)))
    return {"axes": axes if len(axes) > 1 or rng.random() < 0.5 else axes[0], "keep": rng.random() < 0.5}, (x,)


def torch_dims(axes: Any) -> Any:
    return tuple(map(torch_dim, axes)) if isinstance(axes, tuple) else torch_dim(axes)


def roll_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    x = some(rng, 1)
    axes = tuple(rng.sample(range(-x.rank, 0), rng.randint(1, x.rank)))
    shifts = tuple(rng.randint(-5, 5) for _ in range(len(axes) if rng.random() < 0.9 else 3))
    return {"shift": shifts, "axes": axes}, (x,)


def flip_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    x = some(rng, 1)
    return {"axes": tuple(rng.sample(range(-x.rank, 0), rng.randint(1, x.rank)))}, (x,)


def masked_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    """A mask of the value's axes, now and then with sizes of 1, or of other sizes."""
    x = some(rng, 1)
    sizes = tuple(rng.choice([n, n, 1, 2]) for n in x.shape)
    mask = TensorType(sizes, "bool", batched=rng.random() < 0.7)
    fits = all(m in (n, 1) for n, m in zip(x.shape, sizes, strict=True))
    return {"value": rng.choice([-1e9, 0, 0.5])}, (x, mask if fits else mask._replace(shape=(*x.shape[:-1], 9)))


def relation_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    """Two values, or one and a number."""
    _, operands = two_arms(rng)
    given: Attributes = {"relation": rng.choice([*RELATIONS])}
    kind = rng.random()
    return (given | {"number": rng.choice([0, 0.5])}, operands[:1]) if kind < 0.3 else (given, operands)


RELATIONS = {">": torch.gt, ">=": torch.ge, "<": torch.lt, "<=": torch.le, "==": torch.eq, "!=": torch.ne}


def related(x: Tensor, *other: Tensor, relation: str, number: float | None = None) -> Tensor:
    return RELATIONS[relation](x, *other, *(() if number is None else (number,)))


def choice_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    sizes = tuple(rng.randint(1, 3) for _ in range(rng.randint(1, 3)))
    mask, *arms = (TensorType(tuple(rng.choice([n, n, n, 1, 2]) for n in sizes)) for _ in range(3))
    return {}, (mask._replace(dtype="bool"), *arms)


def unfold_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    x = TensorType(tuple(rng.randint(1, 6) for _ in range(3)))
    given = {"window": window(rng, 2), "stride": window(rng, 2), "pad": padding(rng, 2), "dilation": window(rng, 2, 2)}
    return given, (x,)


def unfolded(x: Tensor, window: Any, stride: Any, pad: Any, dilation: Any) -> Tensor:
    return F.unfold(x, window, dilation, pad, stride)


def fold_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    given = {"to": rng.choice([4, (3, 5)]), "window": rng.choice([1, 2]), "stride": rng.randint(1, 2)}
    columns = TensorType((rng.choice([4, 12, 24]), rng.choice([4, 6, 9, 15, 16])))
    return given | {"pad": rng.randint(0, 1)}, (columns,)


def folded(x: Tensor, window: Any, stride: Any, pad: Any, to: Any) -> Tensor:
    return F.fold(x, to, window, 1, pad, stride)


def grid_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    axes = rng.choice([2, 2, 3])
    x = TensorType((rng.randint(1, 3), *(rng.randint(2, 5) for _ in range(axes))))
    places = axes if rng.random() < 0.9 else 5 - axes
    return {
        "mode": rng.choice(["bilinear", "nearest", "bicubic"]),
        "beyond": rng.choice(["zeros", "border", "reflection"]),
        "align_corners": rng.random() < 0.5,
    }, (x, TensorType((*(rng.randint(1, 4) for _ in range(axes)), places)))


def grid_sample(x: Tensor, grid: Tensor, mode: str, beyond: str, align_corners: bool) -> Tensor:
    return F.grid_sample(x, grid, mode, beyond, align_corners)


def factor_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    x = TensorType((rng.choice([1, 4, 8, 9]), *(rng.choice([1, 2, 4, 6, 9]) for _ in range(2))))
    return {"factor": rng.randint(1, 3)}, (x,)


def take_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    """Samples of integers are 0 or 1."""
    x = TensorType(tuple(rng.randint(2, 4) for _ in range(rng.randint(1, 3))))
    index = TensorType(tuple(rng.randint(1, 4) for _ in range(rng.randint(1, 3))), "int64", batched=False)
    return {"axis": rng.randint(-x.rank, 3)}, (x, index)


def taken(x: Tensor, index: Tensor, axis: int) -> Tensor:
    return x.index_select(torch_dim(axis), index.flatten()).unflatten(torch_dim(axis), index.shape)


def adaptive_max(x: Tensor, out: Any) -> Tensor:
    kind = (nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d)[x.dim() - 3]
    return kind(out)(x)


def rms_norm(x: Tensor, axis: int) -> Tensor:
    return x / (x.square().mean(torch_dim(axis), keepdim=True) + torch.finfo(torch.float32).eps).sqrt()


REFERENCES: dict[str, tuple[Draw, Reference]] = {
    "conv": (conv_case, conv),
    "maxpool": (maxpool_case, maxpool),
    "avgpool": (avgpool_case, avgpool),
    "adaptive_avgpool": (adaptive_case, adaptive),
    "bn": (bn_case, bn),
    "lrn": (shape_case, lambda x: F.local_response_norm(x, 5)),
    "softmax": (softmax_case, lambda x, axis: F.softmax(x, torch_dim(axis))),
    "log_softmax": (softmax_case, lambda x, axis: F.log_softmax(x, torch_dim(axis))),
    "flatten": (flatten_case, lambda x, start, stop: torch.flatten(x, torch_dim(start), torch_dim(stop))),
    "split": (split_case, lambda x, parts, axis: torch.split(x, list(parts), torch_dim(axis))),
    "unbind": (unbind_case, lambda x, axis: x.unbind(torch_dim(axis))),
    "add": (merge_case, lambda *xs: sum(xs[1:], xs[0])),
    "multiply": (merge_case, lambda a, b, c=None: a * b if c is None else a * b * c),
    "average": (merge_case, lambda *xs: torch.stack(torch.broadcast_tensors(*xs)).mean(0)),
    "maximum": (merge_case, lambda *xs: torch.stack(torch.broadcast_tensors(*xs)).amax(0)),
    "subtract": (two_arms, lambda a, b: a - b),
    "concat": (concat_case, lambda *xs, axis: torch.cat(xs, torch_dim(axis))),
    "conv_transpose": (transpose_case, transpose),
    "permute": (permute_case, lambda x, order: x.permute(0, *map(torch_dim, order))),
    "reshape": (reshape_case, lambda x, shape: x.reshape(x.shape[0], *shape)),
    "select": (select_case, lambda x, index, axis: x.select(torch_dim(axis), index)),
    "slice": (slice_case, narrowed),
    "pad": (pad_case, padded),
    "gn": (gn_case, group_norm),
    "ln": (ln_case, ln),
    "matmul": (matmul_case, torch.matmul),
    "einsum": (einsum_case, einsum),
    "stack": (stack_case, lambda *xs, axis: torch.stack(xs, torch_dim(axis))),
    "reduce_mean": (axes_case, lambda x, axes, keep: x.mean(torch_dims(axes), keepdim=keep)),
    "reduce_sum": (axes_case, lambda x, axes, keep: x.sum(torch_dims(axes), keepdim=keep)),
    "reduce_max": (axes_case, lambda x, axes, keep: x.amax(torch_dims(axes), keepdim=keep)),
    "argmax": (axis_case, lambda x, axis: x.max(torch_dim(axis)).indices),
    "roll": (roll_case, lambda x, shift, axes: torch.roll(x, shift, axes)),
    "pixel_shuffle": (factor_case, lambda x, factor: nn.PixelShuffle(factor)(x)),
    "pixel_unshuffle": (factor_case, lambda x, factor: nn.PixelUnshuffle(factor)(x)),
    "take": (take_case, taken),
    "adaptive_maxpool": (adaptive_case, adaptive_max),
    "rms_norm": (axis_case, rms_norm),
    "divide": (two_arms, torch.div),
    "minimum": (merge_case, lambda *xs: torch.stack(torch.broadcast_tensors(*xs)).amin(0)),
    "scale": (number_case("by"), lambda x, by: torch.mul(x, by)),
    "shift": (number_case("by"), lambda x, by: torch.add(x, by)),
    "pow": (number_case("exponent"), lambda x, exponent: x**exponent),
    "clamp": (bounds_case, lambda x, min, max: x.maximum(torch.tensor(min)).minimum(torch.tensor(max))),
    "hard_tanh": (bounds_case, lambda x, min, max: nn.Hardtanh(min, max)(x)),
    "flip": (flip_case, lambda x, axes: torch.flip(x, axes)),
    "cumsum": (axis_case, lambda x, axis: torch.cumsum(x, torch_dim(axis))),
    "masked_fill": (masked_case, lambda x, mask, value: torch.where(mask, torch.tensor(float(value)), x)),
    "compare": (relation_case, related),
    "choose": (choice_case, torch.where),
    "unfold": (unfold_case, unfolded),
    "fold": (fold_case, folded),
    "grid_sample": (grid_case, grid_sample),
    "detach": (shape_case, lambda x: x.detach()),
    "sin": (shape_case, torch.sin),
    "cos": (shape_case, torch.cos),
    "glu": (axis_case, lambda x, axis: nn.GLU(torch_dim(axis))(x)),
    "celu": (number_case("alpha"), lambda x, alpha: nn.CELU(alpha)(x)),
    "elu": (number_case("alpha"), lambda x, alpha: nn.ELU(alpha)(x)),
    "exp": (shape_case, torch.exp),
    "log": (shape_case, torch.log),
    "reciprocal": (shape_case, torch.reciprocal),
    "log_sigmoid": (shape_case, nn.LogSigmoid()),
    "softsign": (shape_case, lambda x: x / (1 + x.abs())),
    "gelu": (lambda rng: ({"approximate": True}, (some(rng),)), lambda x, approximate: nn.GELU("tanh")(x)),
}


@pytest.mark.parametrize("name", REFERENCES)
def test_an_operator_computes_and_refuses_what_pytorch_does(name: str) -> None:
    draw, reference = REFERENCES[name]
    kind = find(name)
    assert kind is not None
    rng = Random(name)
    outcomes = [
        compare(kind(**given), operands, reference, given) for given, operands in (draw(rng) for _ in range(300))
    ]
    assert outcomes.count(True) > 30


def compare(op: Op, operands: tuple[TensorType, ...], reference: Reference, given: Attributes) -> bool:
    """Whether both computed the same; False where both refused."""
    inputs = tuple(sample(t, 2) for t in operands)
    expected: tuple[Tensor, ...] | None
    try:
        torch.manual_seed(1)
        found = reference(*inputs, **given)
        expected = (found,) if isinstance(found, Tensor) else tuple(found)
    except (RuntimeError, IndexError, ValueError, KeyError):
        expected = None
    try:
        op.infer(*operands)
    except Misfit:
        assert expected is None, f"{op!r} on {operands} is fine in PyTorch"
        return False
    assert expected is not None, f"{op!r} on {operands} fails in PyTorch"
    for form in forms(op, *operands):
        torch.manual_seed(1)
        for ours, theirs in zip(results(lowered(op, *operands, form=form), inputs), expected, strict=True):
            told = partial("{0!r} on {1}: {2}".format, op, operands)
            torch.testing.assert_close(ours, theirs, equal_nan=True, msg=told)
    return True


def run(call: str, x: Tensor, **state: Tensor) -> Tensor:
    """The operator's module on an input, with the given weights."""
    operand = TensorType(tuple(x.shape[1:]))
    module = lowered(op_of(call), operand, form="module").eval()
    module.load_state_dict(state, strict=not module.state_dict().keys() - state.keys() & {"running_mean"})
    with torch.no_grad():
        return module(x)


def test_padding_of_convolutions() -> None:
    """`half` and `same` are PyTorch's padding="same" at stride 1, the odd row after; `full` keeps every overlap."""
    x, weight = torch.randn(2, 3, 7, 8), torch.randn(4, 3, 3, 3)
    same = F.conv2d(x, weight, padding="same")
    torch.testing.assert_close(run("conv(4, 3x3, pad=half, bias=false)", x, weight=weight), same)
    torch.testing.assert_close(run("conv(4, 3x3, pad=same, bias=false)", x, weight=weight), same)
    even = torch.randn(4, 3, 2, 4)
    padded = F.pad(x, (1, 2, 0, 1))
    torch.testing.assert_close(run("conv(4, 2x4, pad=same, bias=false)", x, weight=even), F.conv2d(padded, even))
    full = F.conv_transpose2d(x, weight.transpose(0, 1).flip(2, 3))
    torch.testing.assert_close(run("conv(4, 3x3, pad=full, bias=false)", x, weight=weight), full)


@pytest.mark.parametrize("size, stride, extent", [*product(range(4, 10), (1, 2, 3), (1, 2, 3))])
def test_sizes_of_same_and_ceil(size: int, stride: int, extent: int) -> None:
    x = TensorType((1, size))
    (same,) = op_of(f"conv(1, {extent}, {stride}, pad=same)").infer(x)
    assert same.sizes == (-(-size // stride),)
    (ceil,) = op_of(f"conv(1, {extent}, {stride}, round=ceil)").infer(x)
    assert ceil.sizes == nn.MaxPool1d(extent, stride, ceil_mode=True)(torch.zeros(1, 1, size)).shape[2:]


def test_a_table_joins_the_maps_it_names() -> None:
    x, pairs, bias = torch.randn(2, 2, 6, 6), torch.randn(4, 3, 3), torch.randn(3)
    dense = torch.zeros(3, 2, 3, 3)
    # Rows are input maps, so output map 1 reads both; pairs are kept in the order of output maps.
    dense[0, 0], dense[1, 0], dense[1, 1], dense[2, 1] = pairs
    found = run('conv(3, 3x3, table=["XX.", ".XX"])', x, weight=pairs, bias=bias)
    torch.testing.assert_close(found, F.conv2d(x, dense, bias))


def test_standardized_weights_have_mean_0_and_variance_1() -> None:
    x, weight = torch.randn(2, 3, 6, 6), torch.randn(4, 3, 3, 3)
    variance, mean = torch.var_mean(weight, (1, 2, 3), correction=0, keepdim=True)
    expected = F.conv2d(x, (weight - mean) / (variance + 1e-8).sqrt(), padding=1)
    torch.testing.assert_close(run("conv(4, 3x3, pad=1, bias=false, standardize=true)", x, weight=weight), expected)


@pytest.mark.parametrize(
    "call, shape, convolution",
    [
        ("locally_connected(4, 3x2, [1, 2], pad=[1, 0])", (3, 5, 6), lambda x, w: F.conv2d(x, w, None, (1, 2), (1, 0))),
        ("locally_connected(4, 3, 2, pad=[[1, 0]])", (3, 8), lambda x, w: F.conv1d(F.pad(x, (1, 0)), w, None, 2)),
        ("locally_connected(4, 2x1x2)", (3, 4, 3, 3), lambda x, w: F.conv3d(x, w)),
    ],
)
def test_local_weights_that_are_all_alike_are_a_convolution(
    call: str, shape: tuple[int, ...], convolution: Callable[[Tensor, Tensor], Tensor]
) -> None:
    op, x = op_of(call), torch.randn(2, *shape)
    operand = TensorType(shape)
    (y,) = op.infer(operand)
    kernel = torch.randn(4, 3, *op.resolve(operand).window)  # type: ignore[attr-defined]
    bias = torch.randn(y.shape)
    weight = kernel.flatten(2).expand(op.state(operand)[0].shape)
    torch.testing.assert_close(run(call, x, weight=weight, bias=bias), convolution(x, kernel) + bias)


def test_local_weights_differ_from_place_to_place() -> None:
    x, weight, bias = torch.randn(2, 1, 2, 3), torch.randn(6, 1, 1, 1), torch.zeros(1, 2, 3)
    expected = x * weight.view(1, 1, 2, 3)
    torch.testing.assert_close(run("locally_connected(1, 1x1)", x, weight=weight, bias=bias), expected)


def test_subsample_sums_weighs_and_shifts() -> None:
    x, weight, bias = torch.randn(2, 3, 7, 6), torch.randn(3), torch.randn(3)
    sums = 6 * F.avg_pool2d(x, (3, 2), (2, 2))
    expected = sums * weight.view(-1, 1, 1) + bias.view(-1, 1, 1)
    torch.testing.assert_close(run("subsample(3x2, 2)", x, weight=weight, bias=bias), expected)


def test_rbf_is_a_squared_distance() -> None:
    x, weight = torch.randn(2, 5), torch.randn(3, 5)
    torch.testing.assert_close(run("rbf(3)", x, weight=weight), torch.cdist(x, weight) ** 2)


def test_tanh_with_gain_and_slope() -> None:
    """LeCun's constants make it 1 at 1, nearly."""
    found = run("tanh(gain=1.7159, slope=2/3)", torch.tensor([[1.0, -1.0, 0.0]]))
    torch.testing.assert_close(found, torch.tensor([[1.0, -1.0, 0.0]]), atol=1e-4, rtol=0)


def test_a_maximum_is_never_padding() -> None:
    found = run("maxpool(3x3, 2, pad=same)", -torch.ones(1, 1, 4, 4))
    torch.testing.assert_close(found, -torch.ones(1, 1, 2, 2))


def test_a_mean_with_and_without_padding() -> None:
    """pad=same puts one row after: the last window holds two of three."""
    x = torch.ones(1, 1, 4)
    counted, masked = (run(f"avgpool(3, 2, pad=same, count_pad={word})", x) for word in ("true", "false"))
    torch.testing.assert_close(counted, torch.tensor([[[1.0, 2 / 3]]]))
    torch.testing.assert_close(masked, torch.ones(1, 1, 2))


@pytest.mark.parametrize("missing, kept", [("scale", "bias"), ("shift", "weight")])
def test_batch_norm_without_scale_or_shift(missing: str, kept: str) -> None:
    x, values = torch.randn(4, 3, 5, 5), torch.randn(3)
    plain: dict[str, Any] = {"weight": torch.ones(3), "bias": torch.zeros(3), kept: values}
    expected = F.batch_norm(x, torch.zeros(3), torch.ones(3), **plain)
    torch.testing.assert_close(run(f"bn({missing}=false)", x, **{kept: values}), expected)


def test_a_step_of_training_reaches_every_parameter() -> None:
    """Helper classes are trained like any module of PyTorch."""
    for call, shape in (
        ('conv(3, 3x3, table=["XX.", ".XX"])', "[2, 6, 6]"),
        ("conv(4, 3x3, standardize=true)", "[2, 6, 6]"),
        ("conv(4, 2x2, pad=same)", "[2, 6, 6]"),
        ("locally_connected(4, 3x3)", "[2, 6, 6]"),
        ("subsample(2x2)", "[2, 6, 6]"),
        ("rbf(3, trainable=true)", "[6]"),
        ("bn(scale=false)", "[2, 6, 6]"),
        ("prelu(per_channel=true)", "[2, 6, 6]"),
        ("conv_transpose(4, 2x2, pad=same)", "[2, 6, 6]"),
        ("attention(2)", "[5, 6]"),
        ("attention(2, causal=true)", "[5, 6]"),
        ("ln(axis=0)", "[4, 6, 6]"),
        ("rms_norm", "[5, 6]"),
        ("rms_norm(axis=0)", "[4, 6, 6]"),
        ("lstm(3, bidirectional=true)", "[5, 6]"),
        ("gru(3, layers=2)", "[5, 6]"),
    ):
        (operand,) = types_of(shape)
        module = lowered(op_of(call), operand, form="module")
        module(sample(operand, 2)).square().sum().backward()
        gradients = [p.grad for p in module.parameters()]
        assert gradients and all(g is not None and bool(g.isfinite().all()) and bool(g.any()) for g in gradients), call


def apply(call: str, *inputs: Tensor, shapes: str = "") -> Tensor:
    """The operator's function on inputs, whose types are read off them unless given."""
    operands = types_of(shapes) if shapes else tuple(TensorType(tuple(x.shape[1:])) for x in inputs)
    (found,) = results(lowered(op_of(call), *operands, form="function"), inputs)
    return found


def test_transposed_padding() -> None:
    """`same` gives n * stride, the odd row cut off at the end; unlike rows are cut off each side."""
    x, weight = torch.randn(2, 3, 4, 5), torch.randn(3, 2, 3, 3)
    whole = F.conv_transpose2d(x, weight, stride=2)
    found = run("conv_transpose(2, 3x3, 2, pad=same, bias=false)", x, weight=weight)
    torch.testing.assert_close(found, whole[:, :, :8, :10])
    found = run("conv_transpose(2, 3x3, 2, pad=[[2, 0], [1, 2]], bias=false)", x, weight=weight)
    torch.testing.assert_close(found, whole[:, :, 2:, 1:-2])
    found = run("conv_transpose(2, 3x3, [4, 2], pad=same, bias=false)", x, weight=weight)
    assert found.shape == (2, 2, 16, 10)
    torch.testing.assert_close(found[:, :, :15], F.conv_transpose2d(x, weight, stride=(4, 2))[..., :10])


def test_attention_as_its_authors_write_it() -> None:
    """Vaswani et al. 2017: softmax(Q K^T / sqrt(d)) V for each head; a causal one adds minus infinity above the diagonal."""
    torch.manual_seed(0)
    x, c, heads = torch.randn(2, 5, 12), 12, 3
    into, out, biases = torch.randn(3 * c, c), torch.randn(c, c), (torch.randn(3 * c), torch.randn(c))
    state = {"in_proj_weight": into, "in_proj_bias": biases[0], "out_proj.weight": out, "out_proj.bias": biases[1]}
    q, k, v = (
        (x @ w.T + b).unflatten(2, (heads, 4)).transpose(1, 2)
        for w, b in zip(into.chunk(3), biases[0].chunk(3), strict=True)
    )
    scores = q @ k.transpose(2, 3) / 2
    for call, seen in (
        ("attention(3)", scores),
        ("attention(3, causal=true)", scores + torch.full((5, 5), float("-inf")).triu(1)),
    ):
        expected = (seen.softmax(-1) @ v).transpose(1, 2).flatten(2) @ out.T + biases[1]
        torch.testing.assert_close(run(call, x, **state), expected)


def test_attention_to_another_value() -> None:
    torch.manual_seed(0)
    x, kv, c = torch.randn(2, 5, 12), torch.randn(2, 7, 12), 12
    operands = TensorType((5, 12)), TensorType((7, 12))
    module = lowered(op_of("attention(3)"), *operands, form="module").eval()
    into, out = torch.randn(3 * c, c), torch.randn(c, c)
    zeros = {"in_proj_bias": torch.zeros(3 * c), "out_proj.bias": torch.zeros(c)}
    module.load_state_dict({"in_proj_weight": into, "out_proj.weight": out, **zeros})
    weights = into.chunk(3)
    q, k, v = ((t @ w.T).unflatten(2, (3, 4)).transpose(1, 2) for t, w in zip((x, kv, kv), weights, strict=True))
    expected = ((q @ k.mT / 2).softmax(-1) @ v).transpose(1, 2).flatten(2) @ out.T
    torch.testing.assert_close(module(x, kv), expected)


@pytest.mark.parametrize("mask", [False, True])
def test_attention_of_heads(mask: bool) -> None:
    torch.manual_seed(0)
    q, k, v = torch.randn(2, 3, 5, 4), torch.randn(2, 3, 7, 4), torch.randn(2, 3, 7, 4)
    seen = torch.ones(5, 7, dtype=torch.bool).tril(2)
    scores = (q @ k.transpose(2, 3) / 2).masked_fill(~seen & mask, float("-inf"))
    shapes = "[3, 5, 4], [3, 7, 4], [3, 7, 4]" + ", unbatched bool [5, 7]" * mask
    found = apply("sdpa", q, k, v, *([seen] if mask else []), shapes=shapes)
    torch.testing.assert_close(found, scores.softmax(-1) @ v)
    causal = apply("sdpa(causal=true, scale=0.3)", k, k, v, shapes="[3, 7, 4], [3, 7, 4], [3, 7, 4]")
    hidden = torch.ones(7, 7, dtype=torch.bool).triu(1)
    torch.testing.assert_close(causal, (k @ k.mT * 0.3).masked_fill(hidden, float("-inf")).softmax(-1) @ v)


def test_attention_with_a_bias_and_with_fewer_keys() -> None:
    """Each pair of heads of queries shares a head of keys and values; a bias and a mask for each window are added."""
    torch.manual_seed(0)
    q, k, v = torch.randn(2, 3, 4, 5, 6), torch.randn(2, 3, 2, 7, 6), torch.randn(2, 3, 2, 7, 6)
    bias, mask = torch.randn(4, 5, 7), torch.rand(3, 1, 5, 7) > 0.3
    alike = "[3, 4, 5, 6], [3, 2, 7, 6], [3, 2, 7, 6]"
    scores = torch.stack([q[:, :, h] @ k[:, :, h // 2].mT / 6**0.5 for h in range(4)], 2)
    hidden = scores.masked_fill(~mask, float("-inf"))
    for extra, given, seen in (("", (), scores), (", unbatched [4, 5, 7]", (bias,), scores + bias)):
        found = apply("sdpa", q, k, v, *given, shapes=alike + extra)
        expected = torch.stack([seen.softmax(-1)[:, :, h] @ v[:, :, h // 2] for h in range(4)], 2)
        torch.testing.assert_close(found, expected)
    found = apply("sdpa", q, k, v, mask, shapes=alike + ", unbatched bool [3, 1, 5, 7]")
    expected = torch.stack([hidden.softmax(-1)[:, :, h] @ v[:, :, h // 2] for h in range(4)], 2)
    torch.testing.assert_close(found, expected)


def recurrent_state(call: str, operand: TensorType) -> dict[str, Tensor]:
    return {s.name: torch.randn(s.shape) for s in op_of(call).state(operand)}


def lstm_step(x: Tensor, h: Tensor, c: Tensor, w: dict[str, Tensor], end: str) -> tuple[Tensor, Tensor]:
    """Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000."""
    into = x @ w[f"weight_ih_{end}"].T + w[f"bias_ih_{end}"] + h @ w[f"weight_hh_{end}"].T + w[f"bias_hh_{end}"]
    i, f, g, o = into.chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru_step(x: Tensor, h: Tensor, c: Tensor, w: dict[str, Tensor], end: str) -> tuple[Tensor, Tensor]:
    """Cho et al. 2014, with the reset gate behind the product."""
    own = (x @ w[f"weight_ih_{end}"].T + w[f"bias_ih_{end}"]).chunk(3, 1)
    past = (h @ w[f"weight_hh_{end}"].T + w[f"bias_hh_{end}"]).chunk(3, 1)
    reset, update = (own[0] + past[0]).sigmoid(), (own[1] + past[1]).sigmoid()
    new = (own[2] + reset * past[2]).tanh()
    return (1 - update) * new + update * h, c


def rnn_step(x: Tensor, h: Tensor, c: Tensor, w: dict[str, Tensor], end: str) -> tuple[Tensor, Tensor]:
    """Elman 1990."""
    into = x @ w[f"weight_ih_{end}"].T + w[f"bias_ih_{end}"] + h @ w[f"weight_hh_{end}"].T + w[f"bias_hh_{end}"]
    return into.tanh(), c


@pytest.mark.parametrize("name, step", [("lstm", lstm_step), ("gru", gru_step), ("rnn", rnn_step)])
def test_recurrent_layers_step_by_step(name: str, step: Callable[..., tuple[Tensor, Tensor]]) -> None:
    torch.manual_seed(0)
    call, x = f"{name}(4, layers=2, bidirectional=true)", torch.randn(2, 5, 3)
    state = recurrent_state(call, TensorType((5, 3)))
    expected = x
    for layer in range(2):
        ends = []
        for end, order in (("", range(5)), ("_reverse", range(4, -1, -1))):
            h = c = torch.zeros(2, 4)
            states = {}
            for t in order:
                h, c = step(expected[:, t], h, c, state, f"l{layer}{end}")
                states[t] = h
            ends.append(torch.stack([states[t] for t in range(5)], 1))
        expected = torch.cat(ends, 2)
    torch.testing.assert_close(run(call, x, **state), expected)


@pytest.mark.parametrize("name, module", [("lstm", nn.LSTM), ("gru", nn.GRU), ("rnn", nn.RNN)])
def test_recurrent_layers_start_from_states_and_give_them(name: str, module: type[nn.LSTM | nn.GRU | nn.RNN]) -> None:
    torch.manual_seed(0)
    op = op_of(f"{name}(4, layers=2, bidirectional=true, final=true)")
    x, *start = torch.randn(2, 5, 3), *torch.randn(1 + (name == "lstm"), 2, 4, 4)
    theirs = module(3, 4, 2, batch_first=True, bidirectional=True)
    ours = lowered(op, *(TensorType(tuple(t.shape[1:])) for t in (x, *start)), form="module")
    ours.load_state_dict(theirs.state_dict())
    given = tuple(s.transpose(0, 1).contiguous() for s in start)
    expected, states = theirs(x, given if name == "lstm" else given[0])
    found = results(ours, (x, *start))
    torch.testing.assert_close(found[0], expected)
    for ours_after, after in zip(found[1:], states if name == "lstm" else (states,), strict=True):
        torch.testing.assert_close(ours_after, after.transpose(0, 1))


def test_what_a_pool_took_is_put_back() -> None:
    x = torch.randn(2, 3, 6, 7)
    pool = op_of("maxpool(2x2)").with_switches()
    assert pool is not None
    operand = TensorType((3, 6, 7))
    types = pool.infer(operand)
    pooled, switches = results(lowered(pool, operand, form="module"), (x,))
    (found,) = results(lowered(op_of("unpool"), *types, form="function"), (pooled, switches))
    assert found.shape == x.shape
    torch.testing.assert_close(F.max_pool2d(found.abs(), 2), pooled.abs())
    assert int((found != 0).sum()) == pooled.numel() and bool(((found == 0) | (found == x)).all())


@pytest.mark.parametrize("mode, theirs", [("nearest", "nearest"), ("bilinear", "bilinear"), ("bicubic", "bicubic")])
def test_interpolation(mode: str, theirs: str) -> None:
    x, like = torch.randn(2, 3, 4, 5), torch.randn(2, 1, 7, 9)
    expected = F.interpolate(x, (7, 9), mode=theirs)
    torch.testing.assert_close(apply(f"upsample(to=7x9, mode={mode})", x), expected)
    torch.testing.assert_close(apply(f"upsample(mode={mode})", x, like), expected)
    torch.testing.assert_close(apply(f"upsample(2, mode={mode})", x), F.interpolate(x, scale_factor=2, mode=theirs))


def test_crops_and_repeats() -> None:
    x, like = torch.randn(2, 3, 8, 9), torch.randn(2, 1, 5, 5)
    torch.testing.assert_close(apply("crop", x, like), x[:, :, 1:6, 2:7])
    torch.testing.assert_close(apply("crop(offset=[3, 0])", x, like), x[:, :, 3:, :5])
    torch.testing.assert_close(apply("crop([[1, 0], [0, 2]])", x), x[:, :, 1:, :-2])
    torch.testing.assert_close(apply("tile(3)", x), torch.cat([x] * 3, 1))
    torch.testing.assert_close(apply("pad(0, channels=[1, 2])", x), torch.cat([0 * x[:, :1], x, 0 * x[:, :2]], 1))
    torch.testing.assert_close(apply("pad([1, 2], axis=1)", x), torch.cat([0 * x[:, :, :1], x, 0 * x[:, :, :2]], 2))
    torch.testing.assert_close(apply("pad(1, axis=-1, value=2)", x), F.pad(x, (1, 1), value=2.0))
    torch.testing.assert_close(apply("l2_normalize", x), x / x.square().sum(1, keepdim=True).sqrt())
    for name in ("abs", "square"):
        torch.testing.assert_close(apply(name, x), getattr(torch, name)(x))


def test_learned_tensors_beside_a_batch() -> None:
    """Read against [N, ...] from the right, a leading 1 standing for the batch."""
    tokens, token, gate = torch.randn(2, 4, 6), torch.randn(1, 1, 6), torch.randn(4, 1)
    shapes = "unbatched [1, 1, 6], [4, 6]"
    torch.testing.assert_close(apply("add", token, tokens, shapes=shapes), tokens + token)
    torch.testing.assert_close(
        apply("concat", token, tokens, shapes=shapes), torch.cat([token.expand(2, 1, 6), tokens], 1)
    )
    torch.testing.assert_close(apply("multiply", tokens, gate, shapes="[4, 6], unbatched [4, 1]"), tokens * gate)
    (found,) = op_of("multiply").infer(*types_of("unbatched [4, 1], unbatched [6]"))
    assert str(found) == "unbatched [4, 6]"


def test_dropping_paths() -> None:
    """A sample is kept as a whole and divided by what is left, or dropped as a whole."""
    module = lowered(op_of("drop_path(0.25)"), TensorType((3, 4)), form="module")
    x = torch.ones(400, 3, 4)
    found = module.train()(x)
    assert {*found.unique().tolist()} == {0.0, torch.tensor(1 / 0.75).item()}
    assert bool((found == found[:, :1, :1]).all()) and 50 < int((found[:, 0, 0] == 0).sum()) < 150
    assert module.eval()(x) is x
