"""`attention`: multi-head attention, of tokens to each other or to those of another value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from archdsl.ir import (
    WHOLE,
    Axes,
    Call,
    Derivative,
    Examples,
    Extra,
    Gradient,
    Helper,
    Incoming,
    Lowering,
    Misfit,
    Op,
    Precision,
    Reach,
    Reader,
    Rows,
    Saved,
    Shape,
    State,
    TensorType,
    Types,
    agree,
    show_shape,
)
from archdsl.ir.attrs import Field, Flag, Probability, Size
from archdsl.ir.strides import BATCH
from archdsl.ops.families.calls import keywords
from archdsl.ops.families.checks import check_weights_fit, fitting
from archdsl.ops.families.copies import copied, kept
from archdsl.ops.families.scores import kept_on_cuda


class Attention(Op):
    """Multi-head attention, Vaswani et al. 2017: each token reads all tokens, weighed by how well they match it.

    One linear layer makes queries, keys and values, another joins the heads. With `causal=true` a token reads itself and
    those before it. Tokens of another value are read with `kv`: a decoder's attention to what an encoder made. `dropout` acts
    on the weights while training. The state is that of `nn.MultiheadAttention`.

    Masks, biases of the scores, windows that are attended apart, fewer heads of keys and other names are those of `sdpa`; the
    prelude's `qkv_attention(heads)` and `biased_attention(bias, heads)` are made of it.
    """

    name = "attention"
    category = "attention"
    autocast = "lower"
    cast_late = ("out_proj.weight", "out_proj.bias")
    positional = 1
    tensor_attributes = ("kv",)
    elsewhere = (
        "`biased_attention(mask, heads)` takes a mask or a bias, `qkv_attention(heads)` windows, `sdpa` all of them"
    )
    examples: ClassVar[Examples] = (
        ("attention(12)", "[197, 768]", "[197, 768]"),
        ("attention(8, causal=true)", "[128, 512]", "[128, 512]"),
        ("attention(8)", "[100, 256], [1064, 256]", "[100, 256]"),
    )

    heads: Size = Field(description="heads, which divide the features among them")
    bias: Flag = Field(True, description="whether the linear layers have biases")
    dropout: Probability = Field(0, description="probability that a weight is dropped while training")
    causal: Flag = Field(False, description="whether a token reads only itself and those before it")

    def infer(self, *operands: TensorType) -> Types:
        x, *others = operands
        check_weights_fit(self.name, x)
        if x.rank != 2:
            raise Misfit(
                f"`attention` reads tokens [T, C], not {show_shape(x.shape)}",
                code="wrong-rank",
                operand=0,
                help="`flatten(1) -> permute([1, 0])` makes tokens of a map [C, H, W]; `qkv_attention` reads windows [W, T, C]"
                if x.rank == 3
                else None,
            )
        if x.shape[1] % self.heads:
            raise Misfit(
                f"{self.heads} heads do not divide {x.shape[1]} features",
                attribute="heads",
                label=f"{x.shape[1]} = {x.shape[1] // self.heads} * {self.heads} + {x.shape[1] % self.heads}",
                help=fitting(self.heads, "heads", x.shape[1]),
            )
        for kv in others:
            self._check_source(x, kv)
        return (x.with_shape(x.shape),)

    def _check_source(self, x: TensorType, kv: TensorType) -> None:
        """Raises `Misfit` for keys and values that do not go with the queries."""
        if self.causal:
            raise Misfit(
                "`causal=true` is for tokens that read each other", attribute="causal", label="and `kv` is given"
            )
        if kv.dtype != x.dtype or not kv.batched or kv.rank != 2 or not agree(kv.shape[1], x.shape[1]):
            raise Misfit(
                f"`attention` reads tokens [S, {x.shape[1]}] as `kv`, not {kv}",
                code="shape-mismatch",
                operand=1,
                help=f"`linear({x.shape[1]})` brings them to as many features",
            )

    def state(self, *operands: TensorType) -> tuple[State, ...]:
        c = operands[0].shape[1]
        into: tuple[tuple[str, Shape], ...] = (("in_proj_weight", (3 * c, c)), ("in_proj_bias", (3 * c,)))
        out: tuple[tuple[str, Shape], ...] = (("out_proj.weight", (c, c)), ("out_proj.bias", (c,)))
        return tuple(State(*s) for s in (*into, *out) if self.bias or not s[0].endswith("bias"))

    def macs(self, operands: Types, results: Types) -> int:
        """The four linear layers, and the two products of queries with keys and of weights with values."""
        t, c = operands[0].shape
        s = operands[-1].shape[0]
        return 2 * (t + s) * c * c + 2 * t * s * c

    def macs_backward(self, operands: Types, results: Types, needs: Sequence[bool]) -> int:
        """Twice the forward pass, less the gradients of inputs that need none."""
        t, c = operands[0].shape
        s = operands[-1].shape[0]
        spared = (3 * t if len(operands) == 1 else t) * (not needs[0]) + 2 * s * (not needs[-1]) * (len(operands) == 2)
        return 2 * self.macs(operands, results) - spared * c * c

    def connections(self, operands: Types, results: Types) -> int:
        t, c = operands[0].shape
        s = operands[-1].shape[0]
        return 2 * (t + s) * c * (c + self.bias)

    def reads_less(self, *operands: TensorType) -> bool:
        return self.causal

    def reach(self, *operands: TensorType) -> Reach:
        """Each token reads all of those that are attended to, which are others with `kv`."""
        return WHOLE if len(operands) == 1 else Axes((Rows(0), WHOLE), (WHOLE, WHOLE))

    @property
    def is_composed(self) -> bool:
        return True

    def saved(self, operands: Types, results: Types) -> Saved:
        """The inputs with tokens before samples; queries, keys and values as one tensor, or the latter two; what the heads
        give; and what the kernel keeps: the sum of exponentials of each row or, since with dropout there is no such kernel,
        the weights."""
        t, c = operands[0].shape
        s = operands[-1].shape[0]
        made = self._dropped(t, s, c) if self.dropout else self._kept_by_kernel((self.heads, t))
        readers = ("in_proj_weight",)
        inputs = [kept(x, copied(x, (x.shape[0] * BATCH, c), (1, 0, 2)), i, readers) for i, x in enumerate(operands)]
        return Saved(
            for_some=tuple(i for found in inputs for i in found.for_some),
            extra=(
                *(e for found in inputs for e in found.extra),
                *self._projected(operands),
                Extra("heads", (t, c), readers=("out_proj.weight",) if self.dropout else ()),
                *made,
            ),
            copies=tuple(c for found in inputs for c in found.copies),
        )

    def _kept_by_kernel(self, rows: Shape) -> tuple[Extra, ...]:
        return (Extra("log-sum-exp", rows, is_float32=True),)

    def on_cuda(self, *operands: TensorType, precision: Precision = "float32") -> Op:
        """GPUs have kernels with dropout too, which keep the state of the random generator and no weights."""
        return _FusedAttention(**{**self.attributes, "dropout": 0}, is_float32=precision == "float32")

    def _projected(self, operands: Types) -> tuple[Extra, ...]:
        """Queries, keys and values; as one tensor where they are of the same tokens. Scaled queries replace those alone."""
        t, c = operands[0].shape
        if len(operands) == 1:
            return (Extra("queries, keys, values", (t, 3 * c)),)
        queries = () if self.dropout else (Extra("queries", (t, c)),)
        return *queries, Extra("keys, values", (operands[1].shape[0], 2 * c))

    def _dropped(self, t: int, s: int, c: int) -> tuple[Extra, ...]:
        weights = (self.heads, t, s)
        noise = Extra("noise", weights) if self.dropout < 1 else Extra("zero", (), batched=False)
        scaled = Extra("scaled queries", (t, c)), Extra("scaled keys", (s, c))
        return *scaled, Extra("weights", weights), noise, Extra("dropped weights", weights)

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        """Nothing where PyTorch has one kernel for all of it: tokens that read each other, even heads with biases. Else
        keys and values twice, with the queries, or all that the kernel reads."""
        t, c = operands[0].shape
        if len(operands) == 2:
            s = operands[1].shape[0]
            return (Extra("keys, values", (max(4 * s * c, 2 * s * c + t * c + self.heads * t),)),)
        if self.bias and self.heads % 2 == 0 and not self.causal:
            return ()
        mask = (Extra("mask", (t, t), batched=False),) if self.causal else ()
        return (*mask, Extra("queries, keys, values", (t, 3 * c)), Extra("their copy", (t, 2 * c)))

    def training_scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        """At last the result with tokens before samples; of a single sample, which needs no such copy, the projection before
        it was taken apart, less what comes later."""
        x = operands[0]
        t, c = x.shape
        alone = 0 if self.dropout else max(t * c - self.heads * t, 0)
        mask = (Extra("mask", (t, t), batched=False),) if self.causal else ()
        copy = Extra("result with tokens first", (t * c - alone,), in_batches=True)
        return (*mask, Extra("projection", (alone,)), copy)

    def forgotten_scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        """The projection and its copy in parts; with dropout, if that is more, the parts, weights, noise and their product."""
        t, c = operands[0].shape
        copied, weights = Extra("their copy", (t, 2 * c)), Extra("weights", (self.heads, t, operands[-1].shape[0]))
        dropped = [weights._replace(name=name) for name in ("weights", "noise", "dropped weights")]
        most = dropped if 0 < self.dropout < 1 and 3 * self.heads * t * operands[-1].shape[0] > 2 * t * c else [copied]
        mask = (Extra("mask", (t, t), batched=False),) if self.causal else ()
        return (*mask, Extra("queries, keys, values", (t, 3 * c)), *most)

    def asked_for(self, operands: Types) -> tuple[Reader, ...]:
        """Of a single token the projection, which is then not copied."""
        return ("in_proj_weight",) if operands[0].shape[0] == 1 else ()

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        """Of the second linear layer, of the heads, of the parts of the projection, and of the first linear layer.

        The gradient of each part is written into zeros of the size of all three (`select_backward`).
        """
        x = operands[0].with_shape(operands[0].shape)
        t, c = x.shape
        # Of several samples the bias before the heads is added apart.
        late = ("out_proj.bias", "in_proj_bias") if incoming.is_single else ("out_proj.bias",)
        learned = [g._replace(how="late") if g.of in late else g for g in self.parameter_gradients(operands)]
        into, out = ([g for g in learned if g.of.startswith(part)] for part in ("in_proj", "out_proj"))
        whole = Gradient("projection", x.with_shape((t, 3 * c)))
        own = Gradient("x0", x.in_order(x.shape, (1, 0, 2)), "reshaped")
        others = (Gradient(f"x{i}", other) for i, other in enumerate(operands[1:], 1))
        how: Literal["view", "made"] = "view" if incoming.is_single else "made"
        return (
            Derivative((Gradient("tokens", x, how),)),
            Derivative((Gradient("heads", x), *out), ("tokens",), frees=("heads",) if self.dropout else ()),
            *self._of_heads(x),
            *(Derivative((whole,), (part,)) for part in ("values", "keys", "queries")),
            Derivative((whole._replace(of="rows"),), ("projection",)),
            Derivative((*into, own, *others), ("rows",), frees=("x0", "x1", "copy")),
        )

    def is_derived_exactly(self, operands: Types) -> bool:
        """Not where a mask meets dropout, for which PyTorch has no kernel, nor where keys are of other tokens."""
        return len(operands) == 1 and not (self.causal and self.dropout)

    def is_derived_exactly_in_half(self, operands: Types) -> bool:
        """Softmax and the dropping of weights are steps of float32 then."""
        return not self.dropout

    def is_cast_exactly(self, operands: Types, results: Types) -> bool:
        """Not where PyTorch runs its own steps."""
        return len(operands) == 1 and not self.dropout and not self.causal

    def _of_heads(self, x: TensorType) -> tuple[Derivative, ...]:
        """The gradients of queries, keys and values: one kernel's or, with dropout, those of products and softmax."""
        if not self.dropout:
            parts = tuple(Gradient(part, x) for part in ("queries", "keys", "values"))
            return (
                Derivative(
                    parts,
                    ("heads",),
                    frees=(
                        "queries, keys, values",
                        "queries",
                        "keys, values",
                        "log-sum-exp",
                        "seed",
                        "offset",
                        "heads",
                    ),
                ),
            )
        weights = x.with_shape((self.heads, x.shape[0], x.shape[0]))
        scaled = ("scaled queries", "scaled keys")
        return (
            Derivative(
                (Gradient("values", x), Gradient("dropped weights", weights)),
                ("heads",),
                frees=("queries, keys, values", "keys, values", "dropped weights"),
            ),
            Derivative((Gradient("weights", weights),), ("dropped weights",), frees=("noise", "zero")),
            Derivative((Gradient("scores", weights),), ("weights",), frees=("weights",)),
            Derivative(tuple(Gradient(name, x) for name in scaled), ("scores",), frees=scaled),
            *(Derivative((Gradient(name.removeprefix("scaled "), x),), (name,)) for name in scaled),
        )

    def gives_view(self, *operands: TensorType) -> bool:
        return True

    def pytorch(self, *operands: TensorType) -> Lowering:
        given = keywords(bias=(self.bias, True), dropout=(self.dropout, 0))
        helper = _CROSS if len(operands) == 2 else _CAUSAL if self.causal else _SELF
        return Lowering(Call(helper.name, (operands[0].shape[1], self.heads), given), helper=helper)

    def summary(self) -> str:
        return f"attention {self.heads}{', causal' if self.causal else ''}"


class _FusedAttention(Attention):
    """On a GPU. The memory-efficient kernel's result lies with samples before tokens, whatever the queries do, and is copied
    for the last linear layer; that of flash attention or cuDNN lies as the queries do."""

    is_float32: Flag = Field(description="whether it is the memory-efficient kernel")

    def _kept_by_kernel(self, rows: Shape) -> tuple[Extra, ...]:
        return kept_on_cuda(rows, self.is_float32)

    def saved(self, operands: Types, results: Types) -> Saved:
        kept = super().saved(operands, results)
        copy = Extra("heads with tokens first", operands[0].shape, in_batches=True)
        return kept._replace(extra=(*kept.extra, copy)) if self.is_float32 else kept


_SELF = Helper(
    "SelfAttention",
    '''
class SelfAttention(nn.MultiheadAttention):
    """Multi-head attention of tokens to each other (Vaswani et al. 2017)."""

    def __init__(self, features: int, heads: int, **kwargs: Any) -> None:
        super().__init__(features, heads, batch_first=True, **kwargs)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x, x, x, need_weights=False)[0].contiguous()
''',
    ("Any", "Tensor", "nn"),
)
_CAUSAL = Helper(
    "CausalSelfAttention",
    '''
class CausalSelfAttention(nn.MultiheadAttention):
    """Multi-head attention of each token to itself and those before it (Vaswani et al. 2017)."""

    def __init__(self, features: int, heads: int, **kwargs: Any) -> None:
        super().__init__(features, heads, batch_first=True, **kwargs)

    def forward(self, x: Tensor) -> Tensor:
        mask = x.new_full((x.shape[1], x.shape[1]), float("-inf")).triu_(1)
        return super().forward(x, x, x, attn_mask=mask, is_causal=True, need_weights=False)[0].contiguous()
''',
    ("Any", "Tensor", "nn"),
)
_CROSS = Helper(
    "CrossAttention",
    '''
class CrossAttention(nn.MultiheadAttention):
    """Multi-head attention of tokens to those of another value (Vaswani et al. 2017)."""

    def __init__(self, features: int, heads: int, **kwargs: Any) -> None:
        super().__init__(features, heads, batch_first=True, **kwargs)

    def forward(self, x: Tensor, kv: Tensor) -> Tensor:
        return super().forward(x, kv, kv, need_weights=False)[0].contiguous()
''',
    ("Any", "Tensor", "nn"),
)
