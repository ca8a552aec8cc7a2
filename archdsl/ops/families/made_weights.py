"""Convolutions on weights that are made, as autocast sees them: it casts what comes out, and not what that is made of."""

from __future__ import annotations

from archdsl.ir import RESULT, Derivative, Extra, Gradient, Kernel, Saved, State, TensorType, Types, Wanted
from archdsl.ops.families.primitives import Primitive
from archdsl.ops.families.reparametrized import MADE


class Making(Primitive):
    """A weight is made, in float32."""

    steps: tuple[Kernel, ...]

    def __init__(
        self,
        made: Extra,
        learned: tuple[State, ...],
        kept: tuple[Extra, ...],
        steps: tuple[Kernel, ...],
        derivatives: tuple[Derivative, ...],
    ) -> None:
        """What it is.

        Args:
            learned: what it is made of.
            kept: what its gradient is computed from.
            steps: how it is made, where that is in several.
            derivatives: of what it is made of, given the gradient of the weight.
        """
        type = TensorType(made.shape, made.dtype, batched=False)
        super().__init__(made.name, (type,), derivatives, learned=learned, kept=Saved(extra=kept))
        self.__dict__["steps"] = tuple(step._replace(makes=tuple(map(_as_result, step.makes))) for step in steps)

    def kernels(self, operands: Types, results: Types, wanted: Wanted) -> tuple[Kernel, ...]:
        return self.steps


def _as_result(extra: Extra) -> Extra:
    return Extra(RESULT, ()) if extra.name == MADE else extra


class OnMade(Primitive):
    """A convolution that is handed its weight."""

    category = "conv"
    autocast = "lower"

    def __init__(
        self, results: Types, bias: tuple[State, ...], x: TensorType, weight: TensorType, *, is_sure: bool
    ) -> None:
        """What it is.

        Args:
            x: how the gradient of its input lies.
            is_sure: whether one kernel makes all gradients.
        """
        of_bias = (Gradient(s.name, TensorType(s.shape, batched=False), along=("x1",)) for s in bias)
        gives = (Gradient("x0", x), *of_bias, Gradient("x1", weight))
        derivatives = (Derivative(gives, is_sure=is_sure),)
        super().__init__("output", results, derivatives, learned=bias, kept=Saved(operands=(0, 1)))
