"""`gn`: group normalization."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import (
    WHOLE,
    Call,
    Derivative,
    Examples,
    Extra,
    Gradient,
    Incoming,
    Lowering,
    Misfit,
    Op,
    Reach,
    Saved,
    State,
    TensorType,
    Types,
)
from archdsl.ir.op.attrs import Field, Flag, Positive, Size
from archdsl.ops.families.calls import keywords
from archdsl.ops.families.checks import check_weights_fit, fitting
from archdsl.ops.families.copies import Copied, kept, laid_in_order, made
from archdsl.source import counted


class GroupNorm(Op):
    """Group normalization, Wu & He 2018: (x - mean) / sqrt(variance + eps) * weight + bias, for each group of channels.

    Mean and variance are those of all elements of a group in one sample. `gn(groups=in.channels)` is instance
    normalization (with weights), `gn(1)` takes all channels together.
    `gn(8, scale=false, shift=false)` has neither weight nor bias.
    """

    name = "gn"
    category = "norm"
    autocast = "float32"
    positional = 1
    examples: ClassVar[Examples] = (("gn(32)", "[64, 56, 56]", "[64, 56, 56]"), ("gn(1)", "[8, 100]", "[8, 100]"))

    groups: Size = Field(description="groups of channels")
    eps: Positive = Field(1e-5, description="added to the variance")
    scale: Flag = Field(True, description="whether each channel has a weight")
    shift: Flag = Field(True, description="whether each channel has a bias; as `scale`")

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        check_weights_fit(self.name, x)
        if self.scale != self.shift:
            raise Misfit(
                "`gn` has both a weight and a bias, or neither, as PyTorch's has",
                attribute="shift" if self.scale else "scale",
            )
        if not x.rank:
            raise Misfit("`gn` needs channels", code="wrong-rank", operand=0)
        if x.channels % self.groups:
            raise Misfit(
                f"{self.groups} groups do not divide {counted(x.channels, 'channel')}",
                attribute="groups",
                label=f"{x.channels} = {x.channels // self.groups} * {self.groups} + {x.channels % self.groups}",
                help=fitting(self.groups, "groups", x.channels),
            )
        if x.numel // self.groups < 2:
            raise Misfit(
                f"`gn` needs more than one value in a group, and {x} has one in each",
                attribute="groups",
                label="the variance of a single value is 0",
            )
        return (x.mapped(x.shape, keeping=(2, 3)),)

    def state(self, *operands: TensorType) -> tuple[State, ...]:
        channels = (operands[0].channels,)
        return (State("weight", channels), State("bias", channels)) if self.scale else ()

    def _copied(self, x: TensorType) -> Copied:
        """PyTorch works on elements in order, or on channels last."""
        return "never" if x == self.infer(x)[0] else laid_in_order(x)

    def _statistics(self) -> tuple[Extra, ...]:
        return tuple(Extra(name, (self.groups,), has_type_of_weights=self.scale) for name in ("mean", "1/std"))

    def reach(self, *operands: TensorType) -> Reach:
        return WHOLE

    def saved(self, operands: Types, results: Types) -> Saved:
        (x,) = operands
        found = kept(x, self._copied(x))
        return found._replace(extra=(*found.extra, *self._statistics()))

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        (x,) = operands
        return (*made(x, self._copied(x)), *self._statistics())

    def own_gradients(self, operands: Types) -> tuple[Gradient, ...]:
        """Its elements lie as those of the result."""
        return tuple(Gradient("x0", y) for y in self.infer(*operands))

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        """What comes in is laid as the result before the kernel runs (`native_group_norm` in `derivatives.yaml`)."""
        (derivative,) = super().backward(operands, results, incoming)
        return (derivative._replace(beside=() if incoming.lies_as(results[0]) else results),)

    def pytorch(self, *operands: TensorType) -> Lowering:
        (x,) = operands
        given = keywords(eps=(self.eps, 1e-5), affine=(self.scale, True))
        return Lowering(Call("nn.GroupNorm", (self.groups, x.channels), given))

    def summary(self) -> str:
        return f"gn {self.groups}"
