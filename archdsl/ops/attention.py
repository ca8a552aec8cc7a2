"""`attention`: multi-head self-attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from archdsl.ir import (
    WHOLE,
    Call,
    Examples,
    Extra,
    Helper,
    Lowering,
    Misfit,
    Op,
    Reach,
    Saved,
    Shape,
    State,
    TensorType,
    Types,
    show_shape,
)
from archdsl.ir.attrs import Field, Flag, Probability, Size
from archdsl.ir.strides import BATCH
from archdsl.ops.families.calls import keywords
from archdsl.ops.families.checks import check_weights_fit
from archdsl.ops.families.copies import copied, kept


class Attention(Op):
    """Multi-head self-attention, Vaswani et al. 2017: each token reads all tokens, weighed by how well they match it.

    One linear layer makes queries, keys and values, another joins the heads. With `causal=true` a token reads itself and
    those before it. `dropout` acts on the weights while training. The state is that of `nn.MultiheadAttention`.
    """

    name = "attention"
    category = "attention"
    positional = 1
    examples: ClassVar[Examples] = (
        ("attention(12)", "[197, 768]", "[197, 768]"),
        ("attention(8, causal=true)", "[128, 512]", "[128, 512]"),
    )

    heads: Size = Field(description="heads, which divide the features among them")
    bias: Flag = Field(True, description="whether the linear layers have biases")
    dropout: Probability = Field(0, description="probability that a weight is dropped while training")
    causal: Flag = Field(False, description="whether a token reads only itself and those before it")

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        check_weights_fit(self.name, x)
        if x.rank != 2:
            raise Misfit(
                f"`attention` reads tokens [T, C], not {show_shape(x.shape)}",
                code="wrong-rank",
                operand=0,
                help="a map [C, H, W] becomes tokens by `flatten(1) -> permute([1, 0])`" if x.rank == 3 else None,
            )
        if x.shape[1] % self.heads:
            raise Misfit(
                f"{self.heads} heads do not divide {x.shape[1]} features",
                attribute="heads",
                label=f"{x.shape[1]} = {x.shape[1] // self.heads} * {self.heads} + {x.shape[1] % self.heads}",
            )
        return (x.with_shape(x.shape),)

    def state(self, *operands: TensorType) -> tuple[State, ...]:
        c = operands[0].shape[1]
        into: tuple[tuple[str, Shape], ...] = (("in_proj_weight", (3 * c, c)), ("in_proj_bias", (3 * c,)))
        out: tuple[tuple[str, Shape], ...] = (("out_proj.weight", (c, c)), ("out_proj.bias", (c,)))
        return tuple(State(*s) for s in (*into, *out) if self.bias or not s[0].endswith("bias"))

    def macs(self, operands: Types, results: Types) -> int:
        """The four linear layers, and the two products of queries with keys and of weights with values."""
        t, c = operands[0].shape
        return 4 * t * c * c + 2 * t * t * c

    def macs_backward(self, operands: Types, results: Types, needs: Sequence[bool]) -> int:
        """Twice the forward pass, less the gradient of the input where it needs none."""
        t, c = operands[0].shape
        return 2 * self.macs(operands, results) - (not needs[0]) * 3 * t * c * c

    def connections(self, operands: Types, results: Types) -> int:
        t, c = operands[0].shape
        return 4 * t * c * c + self.bias * 4 * t * c

    def reach(self, *operands: TensorType) -> Reach:
        return WHOLE

    def saved(self, operands: Types, results: Types) -> Saved:
        """The input with tokens before samples; queries, keys and values as one tensor; what the heads give; and what
        the kernel keeps: the sum of exponentials of each row or, since with dropout there is no such kernel, the weights."""
        (x,) = operands
        t, c = x.shape
        projected = Extra("queries, keys, values", (t, 3 * c)), Extra("heads", (t, c))
        made = self._dropped(x) if self.dropout else (Extra("log-sum-exp", (self.heads, t)),)
        kept_input = kept(x, copied(x, (t * BATCH, c), (1, 0, 2)))
        return kept_input._replace(extra=(*kept_input.extra, *projected, *made))

    def _dropped(self, x: TensorType) -> tuple[Extra, ...]:
        t, c = x.shape
        weights = (self.heads, t, t)
        noise = Extra("noise", weights) if self.dropout < 1 else Extra("zero", (), batched=False)
        scaled = (Extra(f"scaled {name}", (t, c)) for name in ("queries", "keys"))
        return *scaled, Extra("weights", weights), noise, Extra("dropped weights", weights)

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        """Nothing where PyTorch has one kernel for all of it: even heads with biases. Else queries, keys and values twice."""
        (x,) = operands
        t, c = x.shape
        if self.bias and self.heads % 2 == 0 and not self.causal:
            return ()
        mask = (Extra("mask", (t, t), batched=False),) if self.causal else ()
        return (*mask, Extra("queries, keys, values", (t, 3 * c)), Extra("their copy", (t, 2 * c)))

    def pytorch(self, *operands: TensorType) -> Lowering:
        given = keywords(bias=(self.bias, True), dropout=(self.dropout, 0))
        helper = _CAUSAL if self.causal else _SELF
        return Lowering(Call(helper.name, (operands[0].shape[1], self.heads), given), helper=helper)

    def summary(self) -> str:
        return f"attention {self.heads}{', causal' if self.causal else ''}"


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
