"""The kernels of `nn.MultiheadAttention` on a CPU in training, one after the other, and those of their gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

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
    Types,
    Wanted,
    together,
)
from archdsl.ir.strides import BATCH
from archdsl.ops.families import native
from archdsl.ops.families.copies import copied, is_copied_now, kept, laid_in_order
from archdsl.ops.families.native import Native

TOKENS_FIRST = (1, 0, 2)
"""The axes of `[N, T, C]` as the module reads them."""

IN_PROJ = ("in_proj_bias", "in_proj_weight")
OUT_PROJ = ("out_proj.bias", "out_proj.weight")


class MultiHead(NamedTuple):
    """Attention of the first operand's tokens to those of the last one."""

    operands: Types
    heads: int
    dropout: float
    causal: bool
    kept_by_kernel: tuple[Extra, ...]
    """Where one kernel makes weights and their sums: what it keeps besides."""
    is_raised: bool
    """Whether the steps with dropout, for which there is no kernel, run in float32 (`_scaled_dot_product_attention_math` in
    `native/transformers/attention.cpp`)."""

    @property
    def is_crossed(self) -> bool:
        """Whether the tokens are of another value. Queries have a projection of their own then."""
        return len(self.operands) == 2

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Tokens, tokens that they read, features."""
        t, c = self.operands[0].shape
        return t, self.operands[-1].shape[0], c

    @property
    def readers(self) -> tuple[tuple[Reader, ...], tuple[Reader, ...]]:
        """Whose gradients need those of queries, and those of keys and values."""
        return (0, *IN_PROJ), (len(self.operands) - 1, *IN_PROJ)

    @property
    def projected(self) -> tuple[Extra, ...]:
        """Queries, keys and values; as one tensor where they are of the same tokens."""
        t, s, c = self.sizes
        if not self.is_crossed:
            return (Extra("queries, keys, values", (t, 3 * c)),)
        return Extra("queries", (t, c)), Extra("keys, values", (s, 2 * c))

    @property
    def read_by_kernel(self) -> tuple[str, ...]:
        """What one kernel for all keeps beside its result, on any device."""
        return *(extra.name for extra in self.projected), "log-sum-exp", "seed", "offset"

    @property
    def native(self) -> Native:
        """The steps with dropout."""
        t, s, c = self.sizes
        sizes = [(self.heads, n, c // self.heads) for n in (t, s, s)]
        q, k, v = (TensorType(shape).in_order(shape, (2, 0, 1, 3)) for shape in sizes)
        return Native(q, k, v, self.dropout, self.is_raised, self.causal)

    def copied_heads(self, *, is_single: bool) -> bool:
        """Whether what the steps with dropout give is copied, so that heads stand side by side."""
        t, _, c = self.sizes
        product = TensorType((self.heads, t, c // self.heads))
        return is_copied_now(copied(product, (t * BATCH, c), (2, 0, 1, 3)), is_single)

    def is_packed(self, tokens: int, *, is_single: bool) -> bool:
        """Whether a projection lies as its parts do."""
        return is_single and tokens == 1


def _rows(x: TensorType) -> Shape:
    return x.shape[0] * BATCH, x.shape[1]


def _raised(a: MultiHead, *extras: Extra) -> tuple[Extra, ...]:
    return tuple(extra._replace(is_float32=a.is_raised) for extra in extras)


def saved(a: MultiHead) -> Saved:
    """The inputs with tokens before samples, what the heads give, and what makes the gradients of queries, keys and values."""
    found = [kept(x, copied(x, _rows(x), TOKENS_FIRST), i, ("in_proj_weight",)) for i, x in enumerate(a.operands)]
    return Saved(
        for_some=tuple(pair for own in found for pair in own.for_some),
        extra=(
            *(extra._replace(name=f"copy {i}") for i, own in enumerate(found) for extra in own.extra),
            *(_saved_with_dropout(a) if a.dropout else _saved_by_kernel(a)),
        ),
        copies=tuple((i, extra._replace(name=f"copy {i}")) for own in found for i, extra in own.copies),
    )


def _saved_by_kernel(a: MultiHead) -> tuple[Extra, ...]:
    t, _, c = a.sizes
    readers = tuple(dict.fromkeys((*a.readers[0], *a.readers[1])))
    heads = Extra("heads", (t, c), readers=(*readers, "out_proj.weight"))
    projected, others = (tuple(e._replace(readers=readers) for e in es) for es in (a.projected, a.kept_by_kernel))
    return *projected, heads, *others


def _saved_with_dropout(a: MultiHead) -> tuple[Extra, ...]:
    t, _, c = a.sizes
    queries, keys = a.readers
    by = {0: queries, 1: keys, 2: keys}
    found = native.saved(a.native)
    extra = (*found.extra, *(a.projected[-1]._replace(readers=readers) for _, readers in found.for_some))
    told = (
        e._replace(readers=tuple(dict.fromkeys(r for i in (0, 1, 2) if i in e.readers for r in by[i]))) for e in extra
    )
    return *told, Extra("heads", (t, c), readers=("out_proj.weight",))


def kernels(a: MultiHead, wanted: Wanted) -> tuple[Kernel, ...]:
    """From the projections to the last linear layer, whose result is copied to have samples before tokens."""
    t, _, c = a.sizes
    result = Extra(RESULT, ())
    last: tuple[Kernel, ...]
    if wanted.is_single or t == 1:
        last = (Kernel((result,), ("heads", *OUT_PROJ), OUT_PROJ),)
    else:
        last = (Kernel((Extra("result with tokens first", (t, c)),), ("heads", *OUT_PROJ), OUT_PROJ), Kernel((result,)))
    return *_projections(a, wanted), *(_dropping(a, wanted) if a.dropout else _at_once(a)), *last


def _projections(a: MultiHead, wanted: Wanted) -> tuple[Kernel, ...]:
    """Each operand is copied first, for the gradient of the weight; the projection afterwards, to have its parts apart. A mask
    is of the precision in which the tokens came in."""
    t, s, _ = a.sizes
    folds = "in_proj_weight" in wanted.gradients
    copies = [
        (Extra.like(f"copy {i}", x),)
        if folds and is_copied_now(copied(x, _rows(x), TOKENS_FIRST), wanted.is_single)
        else ()
        for i, x in enumerate(a.operands)
    ]
    mask = (Extra("mask", (t, t), batched=False, is_float32="x0" in wanted.casts),) if a.causal else ()
    *queries, packed = a.projected
    first = (Kernel((*copies[0], *queries), ("copy 0", "x0")),) if a.is_crossed else ()
    drops = f"copy {len(a.operands) - 1}", f"x{len(a.operands) - 1}", *IN_PROJ
    if a.is_packed(s, is_single=wanted.is_single):
        return *first, Kernel((*mask, *copies[-1], packed), drops)
    projection = packed._replace(name="projection")
    return *first, Kernel((*mask, *copies[-1], projection), drops), Kernel((packed,), ("projection",))


def _at_once(a: MultiHead) -> tuple[Kernel, ...]:
    t, _, c = a.sizes
    return (Kernel((Extra("heads", (t, c)), *a.kept_by_kernel), a.read_by_kernel),)


def _dropping(a: MultiHead, wanted: Wanted) -> tuple[Kernel, ...]:
    """PyTorch's own steps, and a copy of what they give."""
    t, _, c = a.sizes
    heads = Extra("heads", (t, c))
    if not a.copied_heads(is_single=wanted.is_single):
        *steps, last = native.kernels(a.native, wanted, heads)
        return *steps, last._replace(drops=(*last.drops, *(extra.name for extra in a.projected)))
    *steps, last = native.kernels(a.native, wanted, heads._replace(name="sums"))
    drops = *last.drops, *(extra.name for extra in a.projected)
    return *steps, last._replace(drops=drops), Kernel((heads,), ("sums",))


def backward(a: MultiHead, incoming: Incoming, learned: Sequence[Gradient]) -> tuple[Derivative, ...]:
    """Of the second linear layer, of the heads, of the parts of the projections, and of these.

    The gradient of each part is written into zeros of the size of all (`select_backward`).
    """
    x, is_single = a.operands[0].with_shape(a.operands[0].shape), incoming.is_single
    weight, bias = ([g for g in learned if g.of == f"out_proj.{name}"] for name in ("weight", "bias"))
    is_copied = is_copied_now(copied(incoming.type, _rows(x), TOKENS_FIRST), is_single)
    return (
        Derivative((Gradient("tokens", x, "made" if is_copied else "view"),)),
        Derivative((Gradient("heads", x), *weight, *_late(bias)), ("tokens",), frees=("heads",) if a.dropout else ()),
        *(_of_steps(a) if a.dropout else _of_kernel(a, is_single=is_single)),
        *_of_projections(a, learned, is_single=is_single),
    )


def _late(gradients: Sequence[Gradient]) -> tuple[Gradient, ...]:
    return tuple(g._replace(how="late") for g in gradients)


def _parts(a: MultiHead) -> dict[str, TensorType]:
    """Values, keys, queries, in the order of their gradients."""
    x, of = a.operands[0].with_shape(a.operands[0].shape), a.operands[-1].with_shape(a.operands[-1].shape)
    return {"values": of, "keys": of, "queries": x}


def _of_kernel(a: MultiHead, *, is_single: bool) -> tuple[Derivative, ...]:
    """All three at once."""
    parts = _parts(a)
    gives = together(tuple(Gradient(f"{part} of samples", type) for part, type in reversed(parts.items())))
    moved = (_moved(a, part, type, is_copied=not is_single) for part, type in parts.items())
    return Derivative(gives, ("heads",), frees=(*a.read_by_kernel, "heads")), *moved


def _moved(a: MultiHead, part: str, type: TensorType, *, is_copied: bool) -> Derivative:
    """With tokens before samples, which copies several heads of several tokens."""
    is_copied = is_copied and a.heads > 1 and type.shape[0] > 1
    return Derivative((Gradient(part, type, "made" if is_copied else "view"),), (f"{part} of samples",))


def _of_steps(a: MultiHead) -> tuple[Derivative, ...]:
    """Of PyTorch's own steps. Keys come out with their features in the outer order, and need no copy."""
    names = {"y0": "heads", "x0": "queries of samples", "x1": "keys of samples", "x2": "values of samples"}
    moved = (_moved(a, part, type, is_copied=part != "keys") for part, type in _parts(a).items())
    frees = {"x2": a.projected[-1].name}
    return *(step.renamed(names, frees) for step in native.backward(a.native)), *moved


def _of_projections(a: MultiHead, learned: Sequence[Gradient], *, is_single: bool) -> tuple[Derivative, ...]:
    into = [g for g in learned if g.of.startswith("in_proj")]
    x, of = a.operands[0], a.operands[-1]
    _, s, c = a.sizes
    whole = Gradient("projection", of.with_shape((s, (2 if a.is_crossed else 3) * c)))
    parts = ("values", "keys") if a.is_crossed else ("values", "keys", "queries")
    how: Literal["view", "made"] = "view" if a.is_packed(s, is_single=is_single) else "made"
    of_whole = (
        *(Derivative((whole,), (part,)) for part in parts),
        Derivative((whole._replace(of="rows", how=how),), ("projection",)),
    )
    if not a.is_crossed:
        return *of_whole, *_of_linear(x, 0, into, "rows", "x0", is_single=is_single)
    shares = {"keys, values": 2 * c, "queries": c}
    pieces = {
        name: [g._replace(of=f"{g.of} of {name}", type=g.type.with_shape((n, *g.type.shape[1:]))) for g in into]
        for name, n in shares.items()
    }
    return (
        *of_whole,
        *_of_linear(of, 1, pieces["keys, values"], "rows", "rows of x1", is_single=is_single),
        *_of_linear(x, 0, pieces["queries"], "queries", "rows of x0", is_single=is_single),
        *(Derivative((g,), tuple(f"{g.of} of {name}" for name in shares)) for g in reversed(into)),
        *(
            Derivative((Gradient(f"x{i}", y.in_order(y.shape, TOKENS_FIRST), "view"),), (f"rows of x{i}",))
            for i, y in ((1, of), (0, x))
        ),
    )


def _of_linear(
    x: TensorType, number: int, learned: Sequence[Gradient], of: str, to: str, *, is_single: bool
) -> tuple[Derivative, ...]:
    """Of one linear layer. Where tokens before samples do not lie in order the bias is added apart, and its gradient comes
    first."""
    weights, biases = ([g for g in learned if ("bias" in g.of) == is_bias] for is_bias in (False, True))
    own = *weights, Gradient(to, x.in_order(x.shape, TOKENS_FIRST), "reshaped")
    frees = (f"x{number}", f"copy {number}")
    if not biases or not is_copied_now(laid_in_order(x, TOKENS_FIRST), is_single):
        return (Derivative((*own, *_late(biases)), (of,), frees=frees),)
    sum = Gradient(f"product {number}", x, "same")
    return Derivative((sum, *biases), (of,)), Derivative(own, (sum.of,), frees=frees)
