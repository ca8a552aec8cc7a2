"""What autocast does to an operator."""

from __future__ import annotations

from archdsl.ir import Op


class Cast(Op):
    """A tensor in another precision."""

    name = "cast"
