"""`sdpa`: scaled dot-product attention."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import prod
from typing import ClassVar, Literal

from archdsl.ir import (
    WHOLE,
    Axes,
    Derivative,
    Examples,
    Expression,
    Extra,
    Incoming,
    Kernel,
    KernelPrecision,
    Lowering,
    Misfit,
    Module,
    MultiplyAdds,
    Op,
    Reach,
    Rows,
    Saved,
    Shape,
    TensorType,
    Types,
    Value,
    Wanted,
    agree,
    show_shape,
    together,
)
from archdsl.ir.op.attrs import Field, Flag, Number, Probability
from archdsl.ops.add import Add
from archdsl.ops.dropout import Dropout
from archdsl.ops.families import native, scores
from archdsl.ops.families.checks import check_float, laid_beside
from archdsl.ops.families.merge import Merge, check_one_dtype, sizes_beside
from archdsl.ops.families.native import Native
from archdsl.ops.families.primitives import Program
from archdsl.ops.families.scores import Attended, kept_on_cuda
from archdsl.ops.matmul import MatMul
from archdsl.ops.permute import Permute
from archdsl.ops.scale import Scale
from archdsl.ops.softmax import Softmax


class ScaledDotProductAttention(Merge):
    """Attention of each head by itself, Vaswani et al. 2017: softmax(q k^T / sqrt(d)) v, of queries `[heads, T, d]`, keys
    `[heads, S, d]` and values `[heads, S, d]`.

    There may be fewer heads of keys and values: each then serves as many heads of queries, one after the other (Ainslie et al.
    2023). Axes before the heads, as windows in `[windows, heads, T, d]`, are attended apart. `dropout` acts on the weights
    while training. With `causal=true` query t sees the keys 0 to t.

    A fourth value has the axes of the scores, `[heads, T, S]`, or of size 1; a learned one may have the last of them alone.
    Booleans are a mask: where it is false, a query does not see a key. Floats are added to the scores, as a learned bias is.

    It is one kernel of PyTorch, which never holds the weights whole; while training with dropout PyTorch runs its own steps.
    With a bias, a mask for each window, or values of other sizes than keys there is no such kernel: the steps are written out.
    """

    name = "sdpa"
    category = "attention"
    autocast = "lower"
    is_itself_of_one = False
    examples: ClassVar[Examples] = (
        ("sdpa", "[12, 197, 64], [12, 197, 64], [12, 197, 64]", "[12, 197, 64]"),
        ("sdpa(causal=true)", "[8, 128, 64], [2, 128, 64], [2, 128, 64]", "[8, 128, 64]"),
        ("sdpa", "[8, 10, 64], [8, 49, 64], [8, 49, 64], unbatched bool [10, 49]", "[8, 10, 64]"),
        ("sdpa", "[64, 3, 49, 32], [64, 3, 49, 32], [64, 3, 49, 32], unbatched [3, 49, 49]", "[64, 3, 49, 32]"),
    )

    is_raised: ClassVar[bool] = False
    """Whether PyTorch's own steps run in float32 whatever the precision."""

    causal: Flag = Field(False, description="whether a query sees only keys that do not come after it")
    scale: Number | None = Field(None, description="factor of the scores; one over the root of d unless given")
    dropout: Probability = Field(0, description="probability that a weight is dropped while training")

    def infer(self, *operands: TensorType) -> Types:
        if len(operands) not in (3, 4):
            raise Misfit(
                f"`sdpa` takes queries, keys and values, and perhaps a mask or a bias, not {len(operands)} values",
                code="shape-mismatch",
                operand=len(operands) - 1,
            )
        q, k, v = operands[:3]
        self._check_axes(q, k, v)
        self._check_sizes(q, k, v)
        self._check_mask(*operands)
        if self.causal and not self._is_kernel(operands):
            raise Misfit(
                "`causal=true` is for values of as many features as keys have",
                attribute="causal",
                label=f"{v.shape[-1]}, not {k.shape[-1]}",
                help='a mask hides the same keys: `constant([T, T], "i >= j")`',
            )
        return (self._result(operands),)

    def infer_in_training(self, *operands: TensorType) -> Types | None:
        """PyTorch's own steps, which run where weights are dropped, give what lies in order, however queries do."""
        q = operands[0]
        return (q.with_shape(q.shape),) if self.dropout and self._is_kernel(operands) else None

    def _check_axes(self, q: TensorType, k: TensorType, v: TensorType) -> None:
        check_float(self.name, q)
        check_one_dtype(self.name, (q, k, v))
        for index, x in enumerate((q, k, v)):
            if x.rank < 3 or not x.batched:
                raise Misfit(f"`sdpa` reads [heads, T, d] of each sample, not {x}", code="wrong-rank", operand=index)
            if x.rank != q.rank:
                raise Misfit(
                    f"queries of `sdpa` have {q.rank} axes here, and {('keys', 'values')[index - 1]} {x.rank}",
                    code="wrong-rank",
                    operand=index,
                )

    def _check_sizes(self, q: TensorType, k: TensorType, v: TensorType) -> None:
        heads = q.shape[-3]
        if not agree(heads, k.shape[-3]) and heads % k.shape[-3]:
            raise Misfit(
                f"{k.shape[-3]} heads of keys cannot serve {heads} heads of queries",
                code="shape-mismatch",
                operand=1,
                label=f"{heads} = {heads // k.shape[-3]} * {k.shape[-3]} + {heads % k.shape[-3]}",
            )
        expected: tuple[tuple[int | None, ...], ...] = (
            (*q.shape[:-3], k.shape[-3], None, q.shape[-1]),
            (*k.shape[:-1], None),
        )
        for index, (x, sizes) in enumerate(zip((k, v), expected, strict=True), start=1):
            if any(n is not None and not agree(n, m) for n, m in zip(sizes, x.shape, strict=True)):
                named = dict(zip((-2, -1), ("S", "d"), strict=True))
                wanted = ", ".join(named.get(i - x.rank, "") if n is None else str(n) for i, n in enumerate(sizes))
                raise Misfit(
                    f"{'keys' if index == 1 else 'values'} of `sdpa` are [{wanted}] here, not {show_shape(x.shape)}",
                    code="shape-mismatch",
                    operand=index,
                )

    def _check_mask(self, q: TensorType, k: TensorType, v: TensorType, *mask: TensorType) -> None:
        for m in mask:
            if m.dtype not in ("bool", q.dtype):
                raise Misfit(
                    f"what is added to the scores of `sdpa` is {q.dtype} here, and a mask is bool, not {m.dtype}",
                    code="wrong-dtype",
                    operand=3,
                )
            if self.causal:
                raise Misfit("`sdpa` takes a mask or `causal=true`, not both", attribute="causal")
            scores = (*q.shape[:-1], k.shape[-2])
            sizes = sizes_beside(self.name, m, len(scores), 3)
            what = "mask" if m.dtype == "bool" else "bias"
            if m.batched and m.rank < len(scores):
                laid = laid_beside(m.shape, scores)
                raise Misfit(
                    f"a {what} of each sample has the {len(scores)} axes of the scores, not {m.rank}",
                    code="shape-mismatch",
                    operand=3,
                    label=f"{show_shape(m.shape)} for {show_shape(scores)}",
                    help=None if laid is None else f"`reshape({show_shape(laid)})` repeats it along the axes of size 1",
                )
            is_broadcast = all(n == 1 or agree(n, s) for n, s in zip(sizes[::-1], scores[::-1], strict=False))
            if not is_broadcast:
                raise Misfit(
                    f"the {what} of `sdpa` is {show_shape(scores[-2:])} or {show_shape(scores)} here, not {m}",
                    code="shape-mismatch",
                    operand=3,
                )

    def _is_kernel(self, operands: Types) -> bool:
        """Whether PyTorch has a kernel for it, that is, while nothing is dropped."""
        q, _, v, *masks = operands
        is_taken = (m.dtype == "bool" and (q.rank == 3 or (not m.batched and m.rank == 2)) for m in masks)
        return agree(q.shape[-1], v.shape[-1]) and all(is_taken)

    def _attended(self, operands: Types) -> Attended:
        q, k, v, *masks = operands
        return Attended(q, k, v, masks[0] if masks else None, self.dropout)

    def _result(self, operands: Types) -> TensorType:
        q, _, v, *_ = operands
        if not self._is_kernel(operands):
            return q.with_shape((*q.shape[:-1], v.shape[-1]))
        flat = q.viewed_as(_flat(q))
        if 0 in self._copied(operands) or flat is None:
            return q.with_shape(q.shape)
        return flat.computed().viewed_as(q.shape) or q.with_shape(q.shape)

    def multiply_adds(self, operands: Types, results: Types) -> tuple[MultiplyAdds, ...]:
        """Queries with keys, and weights with values."""
        (*rows, width), keys, values = operands[0].shape, operands[1].shape[-2], operands[2].shape[-1]
        return MultiplyAdds((width,), (*rows, keys)), MultiplyAdds((keys,), (*rows, values))

    def macs_backward(self, operands: Types, results: Types, needs: Sequence[bool], trained: Collection[str]) -> int:
        """Of either product as many as forward for each factor with a gradient; the weights are made anew and not counted."""
        q, k, v, *masks = needs
        scores, sums = (each.total for each in self.multiply_adds(operands, results))
        return scores * (q + k) + sums * (any((q, k, *masks)) + v)

    def reads_less(self, *operands: TensorType) -> bool:
        return self.causal or any(mask.dtype == "bool" for mask in operands[3:])

    def reach(self, *operands: TensorType) -> Reach:
        q = operands[0]
        outer = tuple(Rows(a) for a in range(q.rank - 2))
        t, own = Rows(q.rank - 2), Rows(q.rank - 1)
        shared = outer if operands[1].shape[-3] == q.shape[-3] else (*outer[:-1], None)
        whole: tuple[Rows | Literal["whole"] | None, ...] = (WHOLE, *outer, t, WHOLE)
        masks = (whole[q.rank + 1 - m.rank :] for m in operands[3:])
        return Axes((*outer, t, WHOLE), (*shared, WHOLE, WHOLE), (*shared, WHOLE, own), *masks)

    def _copied(self, operands: Types) -> tuple[int, ...]:
        """Which of queries, keys and values are copied: those whose features do not lie side by side, or whose heads do not
        follow those of the window before."""
        return tuple(
            i for i, x in enumerate(operands[:3]) if x.tensor_strides[-1] != 1 or x.viewed_as(_flat(x)) is None
        )

    def _copied_in_batches(self, operands: Types) -> tuple[int, ...]:
        """Of these what lies in order where there is one sample."""
        return tuple(
            i
            for i in self._copied(operands)
            if (x := operands[i]).tensor_strides[-1] == 1 and x.viewed_alone_as(_flat(x)) is not None
        )

    def _made(self, operands: Types) -> tuple[Extra, ...]:
        q = operands[0]
        mask = tuple(Extra("mask as numbers", m.shape, q.dtype, m.batched) for m in operands[3:])
        return *self._kept_by_kernel(q), *mask

    def _copies(self, operands: Types) -> tuple[Extra, ...]:
        in_batches = self._copied_in_batches(operands)
        copies = ((i, Extra.like("copy", operands[i])) for i in self._copied(operands))
        return tuple(copy._replace(in_batches=i in in_batches) for i, copy in copies)

    def _kept_by_kernel(self, q: TensorType) -> tuple[Extra, ...]:
        exact = "float64" if q.dtype == "float64" else "float32"
        return (Extra("log-sum-exp", q.shape[:-1], exact, is_float32=exact == "float32"),)

    def on_cuda(self, *operands: TensorType, precision: KernelPrecision = "float32") -> Op:
        """GPUs have a kernel with dropout too; what is written out stays so."""
        if not self._is_kernel(operands):
            return self
        return _FusedAttention(**{**self.attributes, "dropout": 0}, is_float32=precision == "float32")

    def saved(self, operands: Types, results: Types) -> Saved:
        if not self._is_kernel(operands):
            return scores.saved(self._attended(operands))
        if self.dropout:
            return self._saved_natively(operands)
        copied, in_batches = self._copied(operands), self._copied_in_batches(operands)
        found = tuple(i for i in range(3) if i not in copied or i in in_batches)
        always = (copy for copy in self._copies(operands) if not copy.in_batches)
        copies = tuple((i, Extra.like("copy", operands[i])) for i in in_batches)
        return Saved(found, result=True, extra=(*self._made(operands), *always), copies=copies)

    def _native(self, operands: Types) -> Native:
        """PyTorch's own steps; what is copied before lies in order."""
        copied = self._copied(operands)
        q, k, v = (x.with_shape(x.shape) if i in copied else x for i, x in enumerate(operands[:3]))
        return Native(q, k, v, self.dropout, self.is_raised, self.causal, *operands[3:])

    def _saved_natively(self, operands: Types) -> Saved:
        """Of values that are copied first the copy."""
        found = native.saved(self._native(operands))
        if 2 not in self._copied(operands):
            return found
        copies = tuple(Extra.like(f"copy {i}", operands[i])._replace(readers=by) for i, by in found.for_some)
        return found._replace(extra=(*found.extra, *copies), for_some=())

    def kernels(self, operands: Types, results: Types, wanted: Wanted) -> tuple[Kernel, ...]:
        if not self._is_kernel(operands):
            return scores.kernels(self._attended(operands), wanted)
        if not self.dropout:
            return ()
        copies = zip(self._copied(operands), self._copies(operands), strict=True)
        first = Kernel(tuple(copy._replace(name=f"copy {i}") for i, copy in copies))
        return first, *native.kernels(self._native(operands), wanted)

    def preparation(self, operands: Types) -> tuple[tuple[Extra, ...], ...]:
        return () if self._is_kernel(operands) else scores.steps(self._attended(operands))[:-1]

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        if not self._is_kernel(operands):
            return scores.steps(self._attended(operands))[-1]
        return *self._made(operands), *self._copies(operands)

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        if not self._is_kernel(operands):
            return scores.backward(self._attended(operands), incoming)
        if self.dropout:
            return tuple(step.renamed({}, {"x2": "copy 2"}) for step in native.backward(self._native(operands)))
        (kernel,) = super().backward(operands, results, incoming)
        return (kernel._replace(gives=together(kernel.gives[:3])),)

    def gradient_type(self, x: TensorType, y: TensorType, incoming: TensorType) -> TensorType:
        """The kernel makes them with tokens before heads."""
        tokens = x.rank - 1
        return x.in_order(x.shape, (0, tokens, *range(1, tokens), x.rank)) if x.batched and x.rank > 2 else x

    def is_derived_exactly(self, operands: Types) -> bool:
        """Not of single features that lie apart, which no copy brings together and a kernel does not take. PyTorch's own
        steps, other than its kernel, copy what one sample needs not, and run in float32 of what is cast to less."""
        if any(x.shape[-1] == 1 != x.tensor_strides[-1] for x in operands[:3]):
            return False
        return not self.dropout or not (
            self._copied_in_batches(operands) or operands[0].dtype in ("float16", "bfloat16")
        )

    def program_under_autocast(self, operands: Types, *, is_single: bool) -> Module | None:
        """As it is written out, since a bias may be more precise than the scores. Masks, and heads that share keys, are not
        followed."""
        a = self._attended(operands)
        if self._is_kernel(operands) or a.groups > 1 or (a.mask is not None and a.mask.dtype == "bool"):
            return None
        q, k, v, *bias = values = [*map(Value, operands)]
        program = Program(*values)
        *outer, tokens, features = range(a.q.rank)
        (scaled,) = program.run(Scale(by=self._factor(a)), q)
        (turned,) = program.run(Permute(order=(*outer, features, tokens)), k)
        (found,) = program.run(MatMul(), scaled, turned)
        for added in bias:
            (found,) = program.run(Add(), found, added)
        (weights,) = program.run(Softmax(axis=-1), found)
        if self.dropout:
            (weights,) = program.run(Dropout(p=self.dropout, channels=False), weights)
        program.module.outputs += program.run(MatMul(), weights, v)
        return program.module

    def _factor(self, a: Attended) -> float:
        return self.scale if self.scale is not None else float(a.q.shape[-1]) ** -0.5

    def on_cpu(self, *operands: TensorType, precision: KernelPrecision = "float32") -> Op:
        return self if precision == "float32" else _RaisedAttention(**self.attributes)

    def is_cast_exactly(self, operands: Types, results: Types, *, is_lower: bool) -> bool:
        return self._is_kernel(operands)

    def gives_view(self, *operands: TensorType) -> bool:
        return True

    def pytorch(self, *operands: TensorType) -> Lowering:
        if not self._is_kernel(operands):
            return Lowering(function=self._written_out(operands))
        q, k, _, *masks = operands
        values = [self._value(i, x, i in self._copied(operands)) for i, x in enumerate(operands[:3])]
        values += ["{3}" if m.batched or m.rank == 2 else "{3}[None]" for m in masks]
        given = [f"dropout_p={self.dropout!r} if self.training else 0.0"] if self.dropout else []
        given += ["is_causal=True"] if self.causal else []
        given += [f"scale={self.scale!r}"] if self.scale is not None else []
        given += ["enable_gqa=True"] if q.shape[-3] != k.shape[-3] else []
        back = f".unflatten(1, {q.shape[:-2]!r})" if q.rank > 3 else ""
        call = f"F.scaled_dot_product_attention({', '.join([*values, *given])}){back}"
        return Lowering(function=Expression(call, ("F",)))

    def _value(self, number: int, x: TensorType, is_copied: bool) -> str:
        """An operand with one axis of heads, its features side by side."""
        flat = f".flatten(1, {x.rank - 2})" if x.rank > 3 else ""
        return f"{{{number}}}{flat}{'.contiguous()' if is_copied else ''}"

    def _written_out(self, operands: Types) -> Expression:
        a = self._attended(operands)
        repeated = f".repeat_interleave({a.groups}, -3)" if a.groups > 1 else ""
        text = f"{{0}} * {self._factor(a)!r} @ {{1}}{repeated}.mT"
        if a.mask is not None:
            hides = a.mask.dtype == "bool"
            text = f"({text}).masked_fill(~{{3}}, -math.inf)" if hides else f"{text} + {{3}}"
        weights = f"F.softmax({text}, -1)"
        weights = f"F.dropout({weights}, {self.dropout!r}, self.training)" if self.dropout else weights
        imports: tuple[Literal["F", "math"], ...] = ("F", "math") if "math." in text else ("F",)
        return Expression(f"{weights} @ {{2}}{repeated}", imports)

    def summary(self) -> str:
        return f"sdpa{', causal' if self.causal else ''}"


class _RaisedAttention(ScaledDotProductAttention):
    """On a CPU in half precision: with dropout PyTorch's own steps run in float32."""

    is_raised = True


class _FusedAttention(ScaledDotProductAttention):
    """On a GPU."""

    is_float32: Flag = Field(description="whether it is the memory-efficient kernel, else flash attention or cuDNN's")

    def _kept_by_kernel(self, q: TensorType) -> tuple[Extra, ...]:
        return kept_on_cuda(q.shape[:-1], self.is_float32)


def _flat(x: TensorType) -> Shape:
    """All axes before the tokens as one."""
    return (prod(x.shape[:-2]), *x.shape[-2:])
