"""Where elements lie, and what is copied because of it: the rules for strides, and every operator on operands out of order."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from archdsl.ir import Op, TensorType
from archdsl.ir.strides import contiguous, elementwise, in_order, is_channels_last, is_contiguous, view
from archdsl.ops import names
from tests.oracle.test_ops_torch import CASES, case_of, lies
from tests.support.lowered import beside, forms, kept, lowered, predicted, results, sample, scratch, told

torch.set_num_threads(1)

ALONE = {"bn", "gn"}
"""Operators that refuse a single value of each channel while training."""


def random_tensor(rng: Random, sizes: tuple[int, ...]) -> Tensor:
    """A tensor of these sizes whose axes lie in some order, now and then with gaps."""
    order = list(range(len(sizes)))
    kind = rng.random()
    if kind < 0.4:
        rng.shuffle(order)
    elif kind < 0.6:
        order = [*order[:1], *order[2:], *order[1:2]]
    gap = rng.random() < 0.3
    base = torch.empty([sizes[a] + (gap and rng.random() < 0.4) for a in order])
    found = base.permute([order.index(a) for a in range(len(sizes))])
    return found[tuple(slice(0, n) for n in sizes)]


def random_sizes(rng: Random, rank: int) -> tuple[int, ...]:
    return tuple(rng.choice([1, 2, 3, 4]) for _ in range(rank))


def random_shape(rng: Random, numel: int) -> tuple[int, ...]:
    """Some shape with that many elements."""
    found = [1] if rng.random() < 0.2 else []
    while numel > 1:
        size = rng.choice([d for d in range(2, numel + 1) if numel % d == 0])
        found.append(size)
        numel //= size
    return tuple(rng.sample(found, len(found)))


@pytest.mark.parametrize("seed", range(4))
def test_rules_for_strides(seed: int) -> None:
    rng = Random(seed)
    viewed = 0
    for _ in range(1500):
        sizes = random_sizes(rng, rng.randint(1, 5))
        x = random_tensor(rng, sizes)
        assert is_contiguous(sizes, x.stride()) == x.is_contiguous()
        assert elementwise(sizes, (sizes, x.stride())) == torch.relu(x).stride()
        shape = random_shape(rng, x.numel())
        try:
            expected = x.view(shape).stride()
        except RuntimeError:
            expected = None
        assert view(sizes, x.stride(), shape) == expected
        viewed += expected is not None
    assert 300 < viewed < 1400


@pytest.mark.parametrize("seed", range(4))
def test_strides_of_two_tensors_joined(seed: int) -> None:
    rng = Random(seed)
    for _ in range(1000):
        sizes = random_sizes(rng, rng.randint(1, 5))
        other = tuple(rng.choice([n, n, 1]) for n in sizes[rng.choice([0, 0, 0, rng.randrange(len(sizes))]) :])
        x, y = random_tensor(rng, sizes), random_tensor(rng, other)
        given = (sizes, x.stride()), (other, y.stride())
        assert elementwise(sizes, *given) == (x + y).stride()
        assert elementwise(sizes, *given[::-1]) == (y * x).stride()


def test_what_kernels_take_for_channels_last() -> None:
    rng = Random(0)
    found = 0
    for _ in range(2000):
        sizes = random_sizes(rng, 4)
        x = random_tensor(rng, sizes)
        last = is_channels_last(sizes, x.stride())
        assert F.avg_pool2d(x, 1).stride() == (in_order(sizes, (0, 2, 3, 1)) if last else contiguous(sizes))
        found += last
    assert 200 < found < 1800


def layouts(x: TensorType) -> Iterator[TensorType]:
    """The same type with channels last, axes reversed, gaps between samples or rows, and samples between rows."""
    n, *shape = x.tensor_shape
    axes = tuple(range(1, x.rank + 1))
    yield x.in_order(x.shape, (0, *axes[1:], *axes[:1]))
    yield x.in_order(x.shape, (0, *axes[::-1]))
    yield x.with_strides(x.shape, contiguous((n, shape[0] + 1, *shape[1:])))
    yield x.with_strides(x.shape, contiguous((n, *shape[:-1], shape[-1] + 1)))
    yield x.in_order(x.shape, (axes[0], 0, *axes[1:]))


def laid_out(operands: tuple[TensorType, ...]) -> Iterator[tuple[TensorType, ...]]:
    """All operands with a batch out of order in the same way, then each alone."""
    found = [[*layouts(x)] if x.batched and x.rank and not x.places else [x] * 5 for x in operands]
    yield from zip(*found, strict=True)
    if len(operands) > 1:
        for index, others in enumerate(found):
            for other in others[:2]:
                yield (*operands[:index], other, *operands[index + 1 :])


def is_run(op: Op, operands: tuple[TensorType, ...]) -> bool:
    """PyTorch's local response normalization views volumes, which it cannot out of order."""
    return op.is_derived_exactly(operands) if op.name == "sdpa" else op.name != "lrn" or operands[0].rank < 4


@pytest.mark.parametrize("name", sorted(names() - {"parameter", "constant"}))
def test_operands_out_of_order(name: str) -> None:
    """Results lie where they are said to, and copies are made where they are said to be, for one sample and several."""
    for line in CASES[name].strip().splitlines():
        op, operands = case_of(line.strip())
        for given in dict.fromkeys(laid_out(operands)):
            if given != operands and is_run(op, given):
                for batch in (1, 2):
                    check(op, given, batch, line)


def check(op: Op, operands: tuple[TensorType, ...], batch: int, line: str) -> None:
    if batch == 1 and op.name in ALONE and operands[0].rank == 1:
        return
    torch.manual_seed(0)
    types = op.infer_in_training(*operands) or op.infer(*operands)
    module = lowered(op, *operands, form=forms(op, *operands)[-1])
    inputs = tuple(sample(t, batch) for t in operands)
    found = results(module.train(not op.is_identity_in_inference), inputs)
    assert batch == 1 or all(lies(t, y, batch) for t, y in zip(found, types, strict=True)), line
    assert told(op, kept(module, inputs)) == told(op, predicted(op.saved(operands, types), batch, len(types))), line
    assert scratch(module, inputs) == beside(op, operands, batch), line
