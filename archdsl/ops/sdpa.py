"""`sdpa`: scaled dot-product attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from archdsl.ir import (
    WHOLE,
    Axes,
    Examples,
    Expression,
    Extra,
    Lowering,
    Misfit,
    Reach,
    Rows,
    Saved,
    TensorType,
    Types,
    agree,
    show_shape,
)
from archdsl.ir.attrs import Field, Flag, Number
from archdsl.ops.families.checks import check_float
from archdsl.ops.families.merge import Merge, check_one_dtype


class ScaledDotProductAttention(Merge):
    """Attention of each head by itself, Vaswani et al. 2017: softmax(q k^T / sqrt(d)) v, of queries `[heads, T, d]`, keys
    `[heads, S, d]` and values `[heads, S, d]`.

    A fourth value is a mask of booleans, `[T, S]` or `[heads, T, S]`: where it is false, a query does not see a key. With
    `causal=true` query t sees the keys 0 to t. Windows or groups of tokens count as heads. It is one kernel of PyTorch, which
    never holds the weights whole; with a learned bias it is written as `matmul`, `scale`, `add`, `softmax`, `matmul`.
    """

    name = "sdpa"
    category = "attention"
    is_itself_of_one = False
    examples: ClassVar[Examples] = (
        ("sdpa", "[12, 197, 64], [12, 197, 64], [12, 197, 64]", "[12, 197, 64]"),
        ("sdpa(causal=true)", "[8, 128, 64], [8, 128, 64], [8, 128, 64]", "[8, 128, 64]"),
        ("sdpa", "[8, 10, 64], [8, 49, 64], [8, 49, 64], unbatched bool [10, 49]", "[8, 10, 64]"),
    )

    causal: Flag = Field(False, description="whether a query sees only keys that do not come after it")
    scale: Number | None = Field(None, description="factor of the scores; one over the root of d unless given")

    def infer(self, *operands: TensorType) -> Types:
        if len(operands) not in (3, 4):
            raise Misfit(
                f"`sdpa` takes queries, keys and values, and perhaps a mask, not {len(operands)} values",
                code="shape-mismatch",
                operand=len(operands) - 1,
            )
        q, k, v = operands[:3]
        check_float(self.name, q)
        check_one_dtype(self.name, operands[:3])
        for index, x in enumerate(operands[:3]):
            if x.rank != 3 or not x.batched:
                raise Misfit(
                    f"`sdpa` reads [heads, T, d] of each sample, not {x}",
                    code="wrong-rank",
                    operand=index,
                    help="windows or groups are heads too: `reshape([windows * heads, T, d])`" if x.rank > 3 else None,
                )
        expected = ((q.shape[0], None, q.shape[2]), (k.shape[0], k.shape[1], q.shape[2]))
        for index, (x, sizes) in enumerate(zip((k, v), expected, strict=True), start=1):
            if any(n is not None and not agree(n, m) for n, m in zip(sizes, x.shape, strict=True)):
                wanted = ", ".join("S" if n is None else str(n) for n in sizes)
                raise Misfit(
                    f"{'keys' if index == 1 else 'values'} of `sdpa` are [{wanted}] here, not {show_shape(x.shape)}",
                    code="shape-mismatch",
                    operand=index,
                )
        self._check_mask(*operands)
        return (q.with_shape(q.shape) if 0 in self._copied(operands) else q.computed(),)

    def _check_mask(self, q: TensorType, k: TensorType, v: TensorType, *mask: TensorType) -> None:
        for m in mask:
            if m.dtype != "bool":
                raise Misfit(
                    f"the mask of `sdpa` holds booleans, not {m.dtype}",
                    code="wrong-dtype",
                    operand=3,
                    help="what is added to the scores is written out: `matmul`, `scale`, `add`, `softmax`, `matmul`",
                )
            if self.causal:
                raise Misfit("`sdpa` takes a mask or `causal=true`, not both", attribute="causal")
            sizes = (q.shape[0], q.shape[1], k.shape[1])
            is_broadcast = m.rank == 3 and m.shape[0] == 1
            fits = m.rank in ((3,) if m.batched else (2, 3)) and all(
                agree(n, s) for n, s in zip(m.shape[::-1], sizes[::-1][: 2 if is_broadcast else 3], strict=False)
            )
            if not fits:
                raise Misfit(
                    f"the mask of `sdpa` is {show_shape(sizes[1:])} or {show_shape(sizes)} here, not {m}",
                    code="shape-mismatch",
                    operand=3,
                )

    def macs(self, operands: Types, results: Types) -> int:
        """Queries with keys, and weights with values."""
        heads, t, d = operands[0].shape
        return 2 * heads * t * operands[1].shape[1] * d

    def macs_backward(self, operands: Types, results: Types, needs: Sequence[bool]) -> int:
        """Of either product as many as forward for each factor with a gradient; the weights are made anew and not counted."""
        q, k, v, *_ = needs
        return self.macs(operands, results) // 2 * (q + k + (q or k) + v)

    def reach(self, *operands: TensorType) -> Reach:
        own = ((Rows(0), Rows(1), WHOLE), (Rows(0), WHOLE, WHOLE), (Rows(0), WHOLE, Rows(2)))
        masks = tuple((Rows(0), Rows(1), WHOLE)[3 - m.rank :] for m in operands[3:])
        return Axes(*own, *masks)

    def _copied(self, operands: Types) -> tuple[int, ...]:
        """Which of queries, keys and values are copied: those whose features do not lie side by side."""
        return tuple(i for i, x in enumerate(operands[:3]) if x.tensor_strides[-1] != 1)

    def _made(self, operands: Types) -> tuple[Extra, ...]:
        q = operands[0]
        exact = "float64" if q.dtype == "float64" else "float32"
        mask = tuple(Extra("mask as numbers", m.shape, q.dtype, m.batched) for m in operands[3:])
        copies = tuple(Extra.like("copy", operands[i]) for i in self._copied(operands))
        return Extra("log-sum-exp", q.shape[:2], exact), *mask, *copies

    def saved(self, operands: Types, results: Types) -> Saved:
        kept = tuple(i for i in range(3) if i not in self._copied(operands))
        return Saved(kept, result=True, extra=self._made(operands))

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        return self._made(operands)

    def pytorch(self, *operands: TensorType) -> Lowering:
        copied = self._copied(operands)
        values = [f"{{{i}}}.contiguous()" if i in copied else f"{{{i}}}" for i in range(3)]
        values += ["{3}" if m.batched or m.rank == 2 else "{3}[None]" for m in operands[3:]]
        given = ["is_causal=True"] if self.causal else []
        given += [f"scale={self.scale!r}"] if self.scale is not None else []
        return Lowering(function=Expression(f"F.scaled_dot_product_attention({', '.join([*values, *given])})", ("F",)))

    def summary(self) -> str:
        return f"sdpa{', causal' if self.causal else ''}"
