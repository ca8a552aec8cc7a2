"""`dropout`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import (
    Call,
    Derivative,
    Examples,
    Expression,
    Extra,
    Gradient,
    Incoming,
    KernelPrecision,
    Lowering,
    Misfit,
    Op,
    Saved,
    TensorType,
    Types,
)
from archdsl.ir.op.attrs import Field, Flag, Probability
from archdsl.ops.families.checks import check_float


class Dropout(Op):
    """While training each value is 0 with probability p, else divided by 1 - p; otherwise nothing happens.

    Srivastava et al. 2014. With `channels=true` it is 0 or not for a whole channel, the first axis: Tompson et al. 2015. On the
    CPU PyTorch keeps the factors in the input's type, one for each element, or for each channel.
    """

    name = "dropout"
    category = "regularization"
    positional = 1
    reads_unbatched = True
    examples: ClassVar[Examples] = (("dropout", "[4096]", "[4096]"), ("dropout(0.2)", "[1280]", "[1280]"))

    p: Probability = Field(0.5, description="probability of a zero")
    channels: Flag = Field(False, description="whether channels are dropped as a whole")

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        check_float(self.name, x)
        if self.channels and not (x.batched and 2 <= x.rank <= 4):
            raise Misfit(
                f"`channels=true` is for maps of 1 to 3 spatial axes, not {x}", code="wrong-rank", attribute="channels"
            )
        return operands  # where it lies is said as of inference; gaps are closed while training

    def is_view(self, *operands: TensorType) -> bool:
        """With p = 0 PyTorch gives back the input, in training too."""
        return self.p == 0

    @property
    def keeps_sign(self) -> bool:
        return True

    @property
    def is_identity_in_inference(self) -> bool:
        return True

    def saved(self, operands: Types, results: Types) -> Saved:
        (x,) = operands
        if self.p == 0:
            return Saved()
        if self.p == 1:
            return Saved(extra=(Extra("zero", (), x.dtype, batched=False),))
        noise = Extra.like("noise", x)
        return Saved(extra=(noise._replace(shape=(x.channels, *(1 for _ in x.sizes))) if self.channels else noise,))

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        """The product of what comes in and the noise."""
        noise = () if self.channels or self.p == 1 else (operands[0].computed(),)
        return (Derivative((Gradient("x0", incoming.type.computed(*noise)),)),)

    def on_cuda(self, *operands: TensorType, precision: KernelPrecision = "float32") -> Op:
        """One kernel, unless nothing or everything is dropped, or channels are (`is_fused_kernel_acceptable` in
        `aten/src/ATen/native/Dropout.cpp`)."""
        return self if self.channels or self.p in (0, 1) else _FusedDropout(p=self.p, channels=False)

    def is_cast_exactly(self, operands: Types, results: Types, *, is_lower: bool) -> bool:
        return self.p < 1

    def pytorch(self, *operands: TensorType) -> Lowering:
        rank = f"{operands[0].rank - 1}d" if self.channels else ""
        function = Expression(f"F.dropout{rank}({{0}}, {self.p!r}, self.training)", ("F",))
        return Lowering(Call(f"nn.Dropout{rank}", (self.p,)), function)

    def summary(self) -> str:
        return "dropout of channels" if self.channels else super().summary()


class _FusedDropout(Dropout):
    """`native_dropout`, which keeps which elements stay, a byte for each."""

    def saved(self, operands: Types, results: Types) -> Saved:
        (x,) = operands
        return Saved(extra=(Extra("mask", x.shape, "bool", x.batched),))
