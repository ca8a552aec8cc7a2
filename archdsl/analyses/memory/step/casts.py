"""What autocast does to an operator."""

from __future__ import annotations

from archdsl.ir import Derivative, Gradient, Incoming, Op, Types


class Cast(Op):
    """A tensor in another precision."""

    name = "cast"

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        """Elements lie as those of the gradient that comes in."""
        return (Derivative((Gradient("x0", incoming.type.computed()),)),)


class Promotion(Cast):
    """A tensor that a kernel reads in another precision: nothing is made, but for its gradient, which is cast back at once."""
