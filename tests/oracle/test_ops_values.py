"""What operators compute and what they refuse, against PyTorch calls written here by hand."""

from __future__ import annotations

from collections.abc import Callable
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
    return kind(x.shape[1], channels, window, stride, pad, dilation, groups)(x)  # type: ignore[no-any-return]


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
    return kind(window, stride, pad, dilation, ceil_mode=round == "ceil")(x)  # type: ignore[no-any-return]


def avgpool_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    given, (x,) = maxpool_case(rng)
    del given["dilation"]
    if x.rank == 4:
        # PyTorch's 3-D kernel refuses inputs smaller than the window even where padding makes up for it.
        x = x.with_shape((x.channels, *(n + 2 for n in x.sizes)))
    return given | {"count_pad": rng.random() < 0.5}, (x,)


def avgpool(x: Tensor, window: Any, pad: Any, round: str, count_pad: bool, stride: Any = None) -> Tensor:
    kind = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)[x.dim() - 3]
    return kind(window, stride, pad, round == "ceil", count_pad)(x)  # type: ignore[no-any-return]


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
    return kinds[x.dim()](x.shape[1], eps)(x)  # type: ignore[no-any-return]


def shape_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    return {}, (TensorType(tuple(rng.randint(1, 6) for _ in range(rng.randint(1, 4)))),)


def adaptive_case(rng: Random) -> tuple[Attributes, tuple[TensorType, ...]]:
    x = maps(rng)
    return {"out": window(rng, x.rank - 1, 7)}, (x,)


def adaptive(x: Tensor, out: Any) -> Tensor:
    kind = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)[x.dim() - 3]
    return kind(out)(x)  # type: ignore[no-any-return]


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
    "add": (merge_case, lambda *xs: sum(xs[1:], xs[0])),
    "multiply": (merge_case, lambda a, b, c=None: a * b if c is None else a * b * c),
    "average": (merge_case, lambda *xs: torch.stack(torch.broadcast_tensors(*xs)).mean(0)),
    "maximum": (merge_case, lambda *xs: torch.stack(torch.broadcast_tensors(*xs)).amax(0)),
    "subtract": (two_arms, lambda a, b: a - b),
    "concat": (concat_case, lambda *xs, axis: torch.cat(xs, torch_dim(axis))),
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
            torch.testing.assert_close(ours, theirs, msg=lambda text: f"{op!r} on {operands}: {text}")
    return True


def run(call: str, x: Tensor, **state: Tensor) -> Tensor:
    """The operator's module on an input, with the given weights."""
    operand = TensorType(tuple(x.shape[1:]))
    module = lowered(op_of(call), operand, form="module").eval()
    module.load_state_dict(state, strict=not module.state_dict().keys() - state.keys() & {"running_mean"})
    with torch.no_grad():
        return module(x)  # type: ignore[no-any-return]


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
    plain = {"weight": torch.ones(3), "bias": torch.zeros(3), kept: values}
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
    ):
        (operand,) = types_of(shape)
        module = lowered(op_of(call), operand, form="module")
        module(sample(operand, 2)).square().sum().backward()
        gradients = [p.grad for p in module.parameters()]
        assert gradients and all(g is not None and bool(g.isfinite().all()) and bool(g.any()) for g in gradients), call
