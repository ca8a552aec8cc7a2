"""`ln`: layer normalization."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples, Extra, Gradient, Lowering, Misfit, Op, Reach, Saved, State, TensorType, Types
from archdsl.ir.op.attrs import Axis, Field, Flag, Positive
from archdsl.ops.families.axis_norm import axis_norm, places
from archdsl.ops.families.calls import keywords
from archdsl.ops.families.checks import check_axis, check_weights_fit
from archdsl.ops.families.moves import over


class LayerNorm(Op):
    """Layer normalization, Ba et al. 2016: (x - mean) / sqrt(variance + eps) * weight + bias along one axis.

    Mean and variance are those of one place: of a token's features, or with `axis=0` of the channels at each pixel, as
    ConvNeXt has it. They are the same while training and afterwards. `shift=false` leaves out the bias, `scale=false` with
    it the weight too.
    """

    name = "ln"
    category = "norm"
    autocast = "float32"
    positional = 1
    reads_unbatched = True
    examples: ClassVar[Examples] = (
        ("ln", "[197, 768]", "[197, 768]"),
        ("ln(axis=0, eps=1e-6)", "[96, 56, 56]", "[96, 56, 56]"),
    )

    axis: Axis = Field(-1, description="the axis whose elements are normalized together")
    eps: Positive = Field(1e-5, description="added to the variance")
    scale: Flag = Field(True, description="whether each element has a weight")
    shift: Flag = Field(True, description="whether each element has a bias, which takes a weight too")

    def _is_last(self, x: TensorType) -> bool:
        return check_axis(self.name, self.axis, x) == x.rank - 1

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        check_weights_fit(self.name, x)
        if self.shift and not self.scale:
            raise Misfit(
                "`ln` has no bias without a weight, as PyTorch's has none",
                attribute="scale",
                help="say `shift=false` too",
            )
        if self._is_last(x):
            return (x.with_shape(x.shape),)
        moved = check_axis(self.name, self.axis, x) + x.batched
        rest = tuple(a for a in range(x.rank + x.batched) if a != moved)
        return (x.in_order(x.shape, (*rest, moved)),)

    def state(self, *operands: TensorType) -> tuple[State, ...]:
        size = (operands[0].shape[self.axis],)
        return tuple(State(name, size) for name in ("weight", "bias")[: self.scale + self.shift])

    def _statistics(self, x: TensorType) -> tuple[Extra, ...]:
        shape = places(x, check_axis(self.name, self.axis, x))
        return tuple(
            Extra(name, shape, batched=x.batched, has_type_of_weights=self.scale) for name in ("mean", "1/std")
        )

    def own_gradients(self, operands: Types) -> tuple[Gradient, ...]:
        """In order, once the axis is the last one, as the result is (`layer_norm_backward_cpu` in ATen)."""
        return tuple(Gradient("x0", y) for y in self.infer(*operands))

    def reach(self, *operands: TensorType) -> Reach:
        return over(operands[0], self.axis)

    def saved(self, operands: Types, results: Types) -> Saved:
        return Saved(operands=(0,), extra=self._statistics(operands[0]))

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        return self._statistics(operands[0])

    def gives_view(self, *operands: TensorType) -> bool:
        return not self._is_last(operands[0])

    def pytorch(self, *operands: TensorType) -> Lowering:
        (x,) = operands
        given = keywords(
            eps=(self.eps, 1e-5), elementwise_affine=(self.scale, True), bias=(self.shift or not self.scale, True)
        )
        return axis_norm("LayerNorm", "Layer normalization", x, check_axis(self.name, self.axis, x), given)
