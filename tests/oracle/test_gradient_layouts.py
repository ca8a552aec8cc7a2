"""Where the gradients of operands lie: what comes in and what is read, in any order, decides whether a later reshape copies."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from archdsl.ir import Gradient, Incoming, Op, TensorType
from archdsl.ops import names
from tests.oracle.test_ops_torch import CASES, case_of, lies
from tests.oracle.test_strides import is_run, laid_out, layouts
from tests.support.lowered import forms, lowered, results, sample

torch.set_num_threads(1)

BATCH = 2
LIES_BY_STEPS = {"average", "expand", "gru", "lstm", "rnn"}
"""Whose gradients are handed on, or in recurrent layers made of those of their own layers."""
LIES_APART = {"matmul", "linear", "adaptive_avgpool"}
"""Of operands, or of what comes in, with samples between rows, a transposed product and a mean lie as nothing else does."""


def gradients(
    op: Op, operands: tuple[TensorType, ...], types: tuple[TensorType, ...], came: TensorType
) -> Iterator[Gradient]:
    """Those of operands that one kernel makes."""
    given = [g for d in op.backward(operands, types, Incoming(came, is_single=False)) for g in d.gives]
    for gradient in given:
        is_once = sum(g.of == gradient.of for g in given) == 1
        if is_once and gradient.of.startswith("x") and gradient.of[1:].isdigit() and gradient.how != "same":
            yield gradient


def real(module: nn.Module, inputs: tuple[Tensor, ...], came: TensorType) -> dict[str, Tensor]:
    """The gradients that are not the one that came."""
    (y, *_) = results(module, inputs)
    asked = {f"x{i}": x for i, x in enumerate(inputs) if x.requires_grad}
    given = sample(came, BATCH).detach()
    found = torch.autograd.grad(y, [*asked.values()], given, allow_unused=True)
    return {name: g for name, g in zip(asked, found, strict=True) if g is not None and g.data_ptr() != given.data_ptr()}


def arrivals(y: TensorType) -> Iterator[TensorType]:
    plain = y.with_shape(y.shape)
    yield plain
    yield y
    if y.rank:
        yield from layouts(plain)


def all_of(op: Op, operands: tuple[TensorType, ...]) -> Iterator[tuple[TensorType, ...]]:
    yield operands
    if op.name not in LIES_APART:
        yield from (given for given in dict.fromkeys(laid_out(operands)) if is_run(op, given))


@pytest.mark.parametrize("name", sorted(names() - {"parameter", "constant"} - LIES_BY_STEPS))
def test_gradients_lie_where_they_are_said_to(name: str) -> None:
    for line in CASES[name].strip().splitlines()[:4]:
        op, operands = case_of(line.strip())
        for given in all_of(op, operands):
            types = op.infer(*given)
            is_asked = types[0].is_float and types[0].batched and op.is_derived_exactly(given)
            if is_asked and any(t.is_float for t in op.read(given)):
                check(op, given, types, line)


def check(op: Op, given: tuple[TensorType, ...], types: tuple[TensorType, ...], line: str) -> None:
    torch.manual_seed(0)
    module = lowered(op, *given, form=forms(op, *given)[-1]).train()
    inputs = tuple(sample(t, BATCH) for t in given)
    if not results(module, inputs)[0].requires_grad:
        return
    for came in dict.fromkeys(arrivals(types[0])):
        made = real(module, inputs, came)
        for gradient in gradients(op, given, types, came):
            if gradient.of in made:
                assert lies(made[gradient.of], gradient.type, BATCH), (line.strip(), given, came, gradient)
