"""Attention as PyTorch's own steps, where it has no kernel: while training with dropout.

These are `_scaled_dot_product_attention_math` in ATen's `native/transformers/attention.cpp`. In half precision they run in
float32, to which queries, keys and values are cast first.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from archdsl.ir import RESULT, Derivative, Extra, Gradient, Kernel, Saved, Shape, TensorType, Wanted
from archdsl.ir.strides import BATCH
from archdsl.ops.families.copies import Copied, copied, is_copied_now, kept

GIVEN = Extra(RESULT, ())


def in_matrices(x: TensorType) -> Copied:
    """Whether a value is copied, to become a batch of matrices."""
    return copied(x, (prod(x.shape[:-2]) * BATCH, *x.shape[-2:]))


class Native(NamedTuple):
    """The operands, `[..., heads, T, d]` each, and how they are read."""

    q: TensorType
    k: TensorType
    v: TensorType
    dropout: float
    is_raised: bool
    """Whether all steps run in float32."""
    causal: bool = False
    mask: TensorType | None = None

    @property
    def weights(self) -> Shape:
        """The shape of the weights: a row of keys for each query."""
        return (*self.q.shape[:-1], self.k.shape[-2])

    @property
    def groups(self) -> int:
        """How many heads of queries share one of keys and values."""
        return self.q.shape[-3] // self.k.shape[-3]

    def wide(self, x: TensorType) -> Shape:
        """The shape of keys or values with as many heads as queries have."""
        return (*self.q.shape[:-2], *x.shape[-2:])

    def repeated(self, x: TensorType) -> TensorType:
        """Keys or values as they are multiplied, but for their scale."""
        return x.computed() if self.groups == 1 else x.with_shape(self.wide(x))

    def made(self, name: str, shape: Shape, *, batched: bool = True) -> Extra:
        return Extra(name, shape, self.q.dtype, batched, is_float32=self.is_raised)


def saved(a: Native) -> Saved:
    """Queries and keys both scaled by a root, the weights, what was dropped, the values."""
    weights = a.made("weights", a.weights)
    extra = (
        a.made("scaled queries", a.q.shape)._replace(readers=(1,)),
        a.made("scaled keys", a.wide(a.k))._replace(readers=(0,)),
        weights._replace(readers=(0, 1)),
        _noise(a)._replace(readers=(0, 1)),
        weights._replace(name="dropped weights", readers=(2,)),
    )
    if a.groups > 1 or a.is_raised:
        return Saved(extra=(*extra, a.made("values", a.wide(a.v))._replace(readers=(0, 1))))
    values = kept(a.v, in_matrices(a.v), 2, (0, 1))
    return values._replace(
        extra=(*extra, *(e._replace(name="values") for e in values.extra)),
        copies=tuple((i, e._replace(name="values")) for i, e in values.copies),
    )


def _noise(a: Native) -> Extra:
    return a.made("noise", a.weights) if a.dropout < 1 else a.made("noise", (), batched=False)


def kernels(a: Native, wanted: Wanted, result: Extra = GIVEN) -> tuple[Kernel, ...]:
    """The steps. What they scale, and what is put in order for a product of matrices, is there beside it."""

    def is_copied(x: TensorType) -> bool:
        return is_copied_now(in_matrices(x), wanted.is_single)

    q, k, v = a.q.computed(), a.repeated(a.k), a.repeated(a.v) if a.groups > 1 or a.is_raised else a.v
    queries, keys = a.made("scaled queries", q.shape), a.made("scaled keys", k.shape)
    values, weights = a.made("values", v.shape), a.made("weights", a.weights)
    in_order = values if is_copied(v) else None
    first = [
        *(
            [a.made(f"{name} in float32", x.shape) for name, x in (("queries", a.q), ("keys", a.k))]
            if a.is_raised
            else ()
        ),
        *([a.made("values in float32", a.v.shape)] if a.is_raised and (a.groups > 1 or in_order) else ()),
        *([values] if a.is_raised and a.groups == 1 and not in_order else ()),
    ]
    hides = [a.made("added mask", a.weights[-2:], batched=False)] if a.causal else []
    repeated = [a.made("repeated keys", k.shape), values] if a.groups > 1 else []
    steps = (
        Kernel((*_mask(a), *first)),
        Kernel((queries._replace(name="queries") if is_copied(q) else queries, *hides)),
        Kernel((*repeated, *([keys._replace(name="keys")] if is_copied(k) else []))),
        Kernel(
            (*([queries] if is_copied(q) else []), keys, weights._replace(name="scores")),
            ("keys", "scaled keys", *(["scaled queries"] if is_copied(q) else [])),
        ),
        Kernel((weights,), ("scores",)),
        Kernel((_noise(a), weights._replace(name="dropped weights")), ("weights", "noise")),
        *_sums(a, result, in_order),
    )
    made = dict.fromkeys(extra.name for step in steps for extra in step.makes)
    return *steps[:-1], Kernel(steps[-1].makes, tuple(name for name in made if name != result.name))


def _mask(a: Native) -> tuple[Extra, ...]:
    return () if a.mask is None else (Extra("mask as numbers", a.mask.shape, a.q.dtype, a.mask.batched),)


def _sums(a: Native, result: Extra, in_order: Extra | None) -> tuple[Kernel, ...]:
    """Of values, weighed; in half precision the weights are cast before it, the sums after it."""
    copy = () if in_order is None else (in_order,)
    if not a.is_raised:
        return (Kernel((*copy, result)),)
    half = Extra("dropped weights in half", a.weights, a.q.dtype)
    product = a.made("product", (*a.q.shape[:-1], a.v.shape[-1]))
    return Kernel((half,)), Kernel((*copy, product), tuple(extra.name for extra in copy)), Kernel((result,))


def backward(a: Native) -> tuple[Derivative, ...]:
    """Of the sums, of dropout, softmax, scores and scaling, of repetitions and casts. Keys come out with their features in
    the outer order."""

    def exact(name: str, type: TensorType, *, is_seen: bool = False) -> Gradient:
        return Gradient(name, type, "reshaped" if is_seen else "made", is_float32=a.is_raised)

    weights = a.q.with_shape(a.weights)
    axes = len(a.k.tensor_shape)
    wide = a.k.in_order(a.wide(a.k), (*range(axes - 2), axes - 1, axes - 2))
    given = ["raised " * a.is_raised + f"x{i}" for i in range(3)]
    summed = [f"repeated x{i}" for i in range(3)] if a.groups > 1 else given
    product = "product" if a.is_raised else "y0"
    sums = a.q.with_shape((*a.q.shape[:-1], a.v.shape[-1]))
    plain = [x.with_shape(x.shape) for x in (a.q, a.k, a.v)]
    return (
        *([Derivative((exact(product, sums),))] if a.is_raised else []),
        Derivative(
            (
                exact(summed[2], a.v.with_shape(a.wide(a.v)), is_seen=True),
                exact("dropped weights", weights, is_seen=True),
            ),
            (product,),
            frees=("x2", "values", "dropped weights"),
        ),
        Derivative((exact("weights", weights),), ("dropped weights",), frees=("noise",)),
        Derivative((exact("scores", weights),), ("weights",), frees=("weights",)),
        Derivative(
            (exact("scaled queries", plain[0], is_seen=True), exact("scaled keys", wide, is_seen=True)),
            ("scores",),
            frees=("scaled queries", "scaled keys"),
        ),
        Derivative((exact(summed[1], wide, is_seen=True),), ("scaled keys",)),
        *(Derivative((exact(given[i], plain[i]),), (summed[i],)) for i in (2, 1) if a.groups > 1),
        Derivative((exact(given[0], plain[0]),), ("scaled queries",)),
        *(Derivative((Gradient(f"x{i}", plain[i]),), (given[i],)) for i in (2, 1, 0) if a.is_raised),
    )
