"""`attention`: multi-head attention, of tokens to each other or to those of another value."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar

from archdsl.ir import (
    WHOLE,
    Autocast,
    Axes,
    Call,
    Derivative,
    Examples,
    Extra,
    Helper,
    Incoming,
    Kernel,
    KernelPrecision,
    Lowering,
    Misfit,
    MultiplyAdds,
    Op,
    Reach,
    Reader,
    Rows,
    Saved,
    Shape,
    State,
    TensorType,
    Types,
    Wanted,
    agree,
    show_shape,
)
from archdsl.ir.op.attrs import Field, Flag, Probability, Size
from archdsl.ops.families import multihead
from archdsl.ops.families.calls import keywords
from archdsl.ops.families.checks import check_weights_fit, fitting
from archdsl.ops.families.multihead import MultiHead
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
    cast_late: ClassVar[tuple[str, ...]] = multihead.OUT_PROJ[::-1]
    weights_for: ClassVar[Mapping[str, tuple[Reader, ...]]] = {
        "in_proj_weight": (0, 1),
        "out_proj.weight": (0, 1, *multihead.IN_PROJ),
    }
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
    is_raised: ClassVar[bool] = False
    """Whether steps with dropout run in float32 whatever the precision."""

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

    last_layer = ("out_proj.weight", "out_proj.bias")

    def state(self, *operands: TensorType) -> tuple[State, ...]:
        c = operands[0].shape[1]
        into: tuple[tuple[str, Shape], ...] = (("in_proj_weight", (3 * c, c)), ("in_proj_bias", (3 * c,)))
        out: tuple[tuple[str, Shape], ...] = (("out_proj.weight", (c, c)), ("out_proj.bias", (c,)))
        return tuple(State(*s) for s in (*into, *out) if self.bias or not s[0].endswith("bias"))

    def multiply_adds(self, operands: Types, results: Types) -> tuple[MultiplyAdds, ...]:
        """Queries, keys and values, the two products of queries with keys and of weights with values, and the last layer."""
        t, c = operands[0].shape
        s = operands[-1].shape[0]
        queries = result = MultiplyAdds((c,), (t, c))
        keys = values = MultiplyAdds((c,), (s, c))
        scores, sums = MultiplyAdds((c // self.heads,), (self.heads, t, s)), MultiplyAdds((s,), (t, c))
        return queries, keys, values, scores, sums, result

    def macs_backward(self, operands: Types, results: Types, needs: Sequence[bool], trained: Collection[str]) -> int:
        """Twice the forward pass, less the gradients of inputs that need none, of frozen weights, and of what depends on
        nothing that is trained."""
        t, c = operands[0].shape
        s = operands[-1].shape[0]
        is_projected = not {"in_proj_weight", "in_proj_bias"}.isdisjoint(trained)
        queries, keys = needs[0] or is_projected, needs[-1] or is_projected
        weights = (t + 2 * s) * ("in_proj_weight" in trained) + t * ("out_proj.weight" in trained)
        given = t * needs[0] + 2 * s * needs[-1] + t * (queries or keys)
        products = queries + keys + (queries or keys) + keys
        return (weights + given) * c * c + products * t * s * c

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

    def _steps(self, operands: Types) -> MultiHead:
        rows = (self.heads, operands[0].shape[0])
        return MultiHead(operands, self.heads, self.dropout, self.causal, self._kept_by_kernel(rows), self.is_raised)

    def saved(self, operands: Types, results: Types) -> Saved:
        return multihead.saved(self._steps(operands))

    def kernels(self, operands: Types, results: Types, wanted: Wanted) -> tuple[Kernel, ...]:
        return multihead.kernels(self._steps(operands), wanted)

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        return multihead.backward(self._steps(operands), incoming, self.parameter_gradients(operands))

    def _kept_by_kernel(self, rows: Shape) -> tuple[Extra, ...]:
        return (Extra("log-sum-exp", rows, is_float32=True),)

    def on_cpu(self, *operands: TensorType, precision: KernelPrecision = "float32") -> Op:
        return self if precision == "float32" else _RaisedAttention(**self.attributes)

    def on_cuda(self, *operands: TensorType, precision: KernelPrecision = "float32") -> Op:
        """GPUs have kernels with dropout too, which keep the state of the random generator and no weights."""
        return _FusedAttention(**{**self.attributes, "dropout": 0}, is_float32=precision == "float32")

    def preparation(self, operands: Types) -> tuple[tuple[Extra, ...], ...]:
        """Of other tokens keys and values twice, beside queries; of a single token a sample alone is not copied."""
        if len(operands) < 2:
            return ()
        queries, others = self._steps(operands).projected
        return ((queries, others, others._replace(name="their copy", in_batches=others.shape[0] == 1)),)

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        """Nothing where PyTorch has one kernel for all of it: tokens that read each other, even heads with biases. Else
        keys and values twice, with the queries, or all that the kernel reads."""
        t, c = operands[0].shape
        if len(operands) == 2:
            steps = self._steps(operands)
            return *steps.projected, *steps.kept_by_kernel
        if self._is_one_kernel(operands):
            return ()
        mask = (Extra("mask", (t, t), batched=False),) if self.causal else ()
        projected = (*mask, Extra("queries, keys, values", (t, 3 * c)))
        if t > 1:
            return (*projected, Extra("their copy", (t, 2 * c)))
        # Of a single token a sample alone is not copied.
        beyond = Extra("their copy", (2 * c - self.heads,), in_batches=True)
        return (*projected, Extra("log-sum-exp", (self.heads,), is_float32=True), beyond)

    def _is_one_kernel(self, operands: Types) -> bool:
        return len(operands) == 1 and self.bias and self.heads % 2 == 0 and not self.causal

    def inferring(self, *operands: TensorType) -> Op:
        return _NativeAttention(**self.attributes) if self._is_one_kernel(operands) else self

    def is_cast_exactly(self, operands: Types, results: Types, *, is_lower: bool) -> bool:
        """Not where the weights are cast in parts."""
        return len(operands) == 1

    def gives_view(self, *operands: TensorType) -> bool:
        return True

    def pytorch(self, *operands: TensorType) -> Lowering:
        given = keywords(bias=(self.bias, True), dropout=(self.dropout, 0))
        helper = _CROSS if len(operands) == 2 else _CAUSAL if self.causal else _SELF
        return Lowering(Call(helper.name, (operands[0].shape[1], self.heads), given), helper=helper)

    def summary(self) -> str:
        return f"attention {self.heads}{', causal' if self.causal else ''}"


class _RaisedAttention(Attention):
    """On a CPU in half precision: with dropout its steps run in float32."""

    is_raised = True


class _NativeAttention(Attention):
    """Under a CPU's autocast in inference: the kernel for all of it (`_native_multi_head_attention`), which has all weights in
    lower precision."""

    cast_late = ()

    def autocast_on_cpu(self, *operands: TensorType) -> Autocast:
        return "lower inside"

    def is_cast_exactly(self, operands: Types, results: Types, *, is_lower: bool) -> bool:
        """Not of tokens in lower precision, which have another type than the weights: PyTorch does not take the kernel then."""
        return not is_lower


class _FusedAttention(Attention):
    """On a GPU. The memory-efficient kernel's result lies with samples before tokens, whatever the queries do, and is copied
    for the last linear layer; that of flash attention or cuDNN lies as the queries do."""

    is_float32: Flag = Field(description="whether it is the memory-efficient kernel")

    def _kept_by_kernel(self, rows: Shape) -> tuple[Extra, ...]:
        return kept_on_cuda(rows, self.is_float32)

    def saved(self, operands: Types, results: Types) -> Saved:
        kept = super().saved(operands, results)
        readers = ("out_proj.weight",)
        copy = Extra("heads with tokens first", operands[0].shape, in_batches=True, readers=readers)
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
        kv = kv.view_as(kv)  # another tensor than x even where it is x: else both would share a projection
        return super().forward(x, kv, kv, need_weights=False)[0].contiguous()
''',
    ("Any", "Tensor", "nn"),
)
