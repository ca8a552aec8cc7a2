"""Attention written out, for which PyTorch has no kernel: scores, what is added to them or hides some, weights, their sums."""

from __future__ import annotations

from typing import NamedTuple

from archdsl.ir import (
    RESULT,
    Derivative,
    Extra,
    Gradient,
    Incoming,
    Kernel,
    Reader,
    Saved,
    Shape,
    TensorType,
    Wanted,
    number,
)
from archdsl.ops.families.copies import Copied, is_copied_now, made
from archdsl.ops.families.derivatives import handed_on
from archdsl.ops.families.native import in_matrices


class Attended(NamedTuple):
    """The operands of attention, `[..., heads, T, d]` each, and how they are read."""

    q: TensorType
    k: TensorType
    v: TensorType
    mask: TensorType | None
    dropout: float

    @property
    def weights(self) -> Shape:
        """The shape of the weights: a row of keys for each query."""
        return (*self.q.shape[:-1], self.k.shape[-2])

    @property
    def groups(self) -> int:
        """How many heads of queries share one of keys and values."""
        return self.q.shape[-3] // self.k.shape[-3] if self.q.rank > 2 else 1

    def wide(self, x: TensorType) -> Shape:
        """The shape of keys or values with as many heads as queries have."""
        return (*self.q.shape[:-2], *x.shape[-2:])


LSE_ROWS = 32
"""Rows are rounded up to a multiple of it in the memory-efficient kernel (`kAlignLSE` in
`aten/src/ATen/native/transformers/cuda/mem_eff_attention/kernel_forward.h`)."""


def kept_on_cuda(rows: Shape, is_float32: bool) -> tuple[Extra, ...]:
    """What a fused kernel of a GPU keeps beside queries, keys, values and its result: the sum of exponentials of each row, and
    where the random numbers of dropout begin (`_scaled_dot_product_*_attention` in `derivatives.yaml`).

    Without masks float32 is for the memory-efficient kernel, half precision for flash, which keeps two numbers more than its
    seed, or for that of cuDNN (`priority_order` in `aten/src/ATen/native/transformers/cuda/sdp_utils.cpp`).
    """
    *outer, last = rows
    padded = -(-last // LSE_ROWS) * LSE_ROWS
    sums = Extra("log-sum-exp", (*outer, padded if is_float32 else last), is_float32=True)
    seed = Extra("seed", () if is_float32 else (2,), "int64", batched=False)
    return sums, seed, Extra("offset", (), "int64", batched=False)


def saved(a: Attended) -> Saved:
    """Of the first product scaled queries and keys, of softmax the weights, of the second product those and the values."""
    scored: tuple[Reader, ...] = (0, 1) if a.mask is None or a.mask.dtype == "bool" else (0, 1, 3)
    weights = Extra("weights", a.weights, a.q.dtype, readers=scored if a.dropout else (*scored, 2))
    extra = [Extra.like("scaled queries", a.q)._replace(readers=(1,)), weights]
    if a.mask is not None and a.mask.dtype == "bool":
        extra.append(Extra.like("hidden", a.mask)._replace(readers=scored))
    if a.dropout:
        extra += [_noise(a)._replace(readers=scored), weights._replace(name="dropped weights", readers=(2,))]
    kept = Saved(extra=tuple(extra), numbers=1, numbers_for=(0,))
    for i, x, readers in ((1, a.k, (0,)), (2, a.v, scored)):
        kept = _with_factor(kept, a, i, x, readers)
    return kept


def _with_factor(kept: Saved, a: Attended, operand: int, x: TensorType, readers: tuple[Reader, ...]) -> Saved:
    """What is kept with keys or values more: as they are, or a copy."""
    how: Copied = "always" if a.groups > 1 else in_matrices(x)
    if how == "always":
        copy = Extra(COPIES[operand - 1], a.wide(x), x.dtype, readers=readers)
        return kept._replace(extra=(*kept.extra, copy))
    copies = tuple((operand, e._replace(name=COPIES[operand - 1])) for e in made(x, how))
    return kept._replace(for_some=(*kept.for_some, (operand, readers)), copies=(*kept.copies, *copies))


COPIES = ("keys in order", "values in order")


def backward(a: Attended, incoming: Incoming) -> tuple[Derivative, ...]:
    """From the second product to the first; gradients of heads that serve several are summed over these.

    What comes in is seen as a batch of matrices, and copied where it does not lie as one.
    """
    is_copied = is_copied_now(in_matrices(incoming.type), incoming.is_single)
    product = ("product",) if is_copied else ("y0",)
    seen = (Derivative((Gradient("product", incoming.type.with_shape(incoming.type.shape)),)),) if is_copied else ()
    weights = a.q.with_shape(a.weights)
    into = "dropped weights" if a.dropout else "weights"
    of_scores = [Derivative((Gradient("scores", weights),), ("weights",), frees=("weights",))]
    if a.dropout:
        of_scores.insert(0, Derivative((Gradient("weights", weights),), (into,), frees=("noise", "zero")))
    turned = (*range(a.k.rank - 1), a.k.rank, a.k.rank - 1)
    values, keys = (name if a.groups == 1 else f"repeated {name}" for name in ("x2", "x1"))
    of_values = Gradient(values, a.v.with_shape(a.wide(a.v)), "reshaped")
    of_keys = Gradient(keys, a.k.in_order(a.wide(a.k), turned), "reshaped")
    summed = [
        () if a.groups == 1 else (Derivative((Gradient(name, x.with_shape(x.shape)),), (f"repeated {name}",)),)
        for name, x in (("x2", a.v), ("x1", a.k))
    ]
    return (
        *seen,
        Derivative((Gradient(into, weights, "reshaped"), of_values), product, ("dropped weights", "x2", COPIES[1])),
        *summed[0],
        *of_scores,
        _of_mask(a, weights, incoming),
        Derivative(
            (Gradient("scaled queries", a.q.with_shape(a.q.shape), "reshaped"), of_keys),
            ("products",),
            frees=("scaled queries", "x1", COPIES[0]),
        ),
        *summed[1],
        Derivative((Gradient("x0", a.q.with_shape(a.q.shape)),), ("scaled queries",), frees=("number 0",)),
    )


def _of_mask(a: Attended, weights: TensorType, incoming: Incoming) -> Derivative:
    """The gradient of what is added is the sum over its repetitions; where keys are hidden the scores have none."""
    if a.mask is None:
        return Derivative((Gradient("products", weights, "same"),), ("scores",))
    if a.mask.dtype == "bool":
        return Derivative((Gradient("products", weights),), ("scores",), frees=("hidden",))
    return Derivative((Gradient("products", weights, "same"), handed_on("x3", a.mask, weights, incoming)), ("scores",))


def steps(a: Attended) -> tuple[tuple[Extra, ...], ...]:
    """What is there step by step in inference, the last one beside the result."""

    def in_order(name: str, x: TensorType, copied: Copied) -> tuple[Extra, ...]:
        return tuple(copy._replace(name=name) for copy in made(x, copied))

    queries, scores, weights = (
        Extra(name, shape, a.q.dtype)
        for name, shape in (("scaled queries", a.q.shape), ("scores", a.weights), ("weights", a.weights))
    )
    copies = in_order("queries in order", a.q, in_matrices(a.q.computed()))
    keys, values = (
        in_order(name, x.with_shape(a.wide(x)), "always") if a.groups > 1 else in_order(name, x, in_matrices(x))
        for name, x in zip(COPIES, (a.k, a.v), strict=True)
    )
    masked = tuple(extra for kernel in _masked(a, scores) for extra in kernel.makes)
    return (
        (number(0), queries),
        (queries, *copies, *keys, scores),
        *([(scores, *masked)] if masked else []),
        (scores, weights),
        (weights, *values),
    )


def kernels(a: Attended, wanted: Wanted) -> tuple[Kernel, ...]:
    """The steps as they are written. What is scaled, and what is put in order for a product of matrices, is there beside it."""

    def is_copied(x: TensorType) -> bool:
        return is_copied_now(in_matrices(x), wanted.is_single)

    queries, scores = Extra.like("scaled queries", a.q), Extra("scores", a.weights, a.q.dtype)
    first, copies = [queries], []
    if is_copied(a.q.computed()):
        first, copies = [queries._replace(name="queries")], [queries]
    keys, values = (Extra(name, a.wide(x), x.dtype) for name, x in zip(COPIES, (a.k, a.v), strict=True))
    is_wide = a.groups > 1
    copies += [keys] if not is_wide and is_copied(a.k) else []
    in_order = [values] if is_wide or is_copied(a.v) else []
    weights, noise = scores._replace(name="weights"), _noise(a)
    dropped = [Kernel((noise, weights._replace(name="dropped weights")), ("weights", "noise"))] if a.dropout else []
    return (
        Kernel((number(0), *first), ("number 0",)),
        *([Kernel((keys,))] if is_wide else []),
        Kernel((*copies, scores), ("queries", queries.name, keys.name)),
        *_masked(a, scores),
        Kernel((weights,), ("scores", "masked scores")),
        *dropped,
        Kernel((*in_order, Extra(RESULT, ()))),
    )


def _noise(a: Attended) -> Extra:
    return Extra("noise", a.weights, a.q.dtype) if a.dropout < 1 else Extra("zero", (), a.q.dtype, batched=False)


def _masked(a: Attended, scores: Extra) -> tuple[Kernel, ...]:
    if a.mask is None:
        return ()
    hidden = (Extra.like("hidden", a.mask),) if a.mask.dtype == "bool" else ()
    return (Kernel((*hidden, scores._replace(name="masked scores")), ("scores", "hidden")),)
