"""What autocast does to an operator."""

from __future__ import annotations

from archdsl.ir import Op


class Cast(Op):
    """A tensor in another precision."""

    name = "cast"


class Promotion(Cast):
    """A tensor that a kernel reads in another precision: nothing is made, but for its gradient, which is cast back at once."""
