"""The arithmetic of operators that multiply and add."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from archdsl.ir.types import Shape


class MultiplyAdds(NamedTuple):
    """Those of one product for one sample: as many in each place."""

    each: Shape
    """The factors of what one result sums; of a transposed convolution, of what one value is spread over."""
    places: Shape
    """Of how many results there are, or values."""

    @property
    def total(self) -> int:
        return prod(self.each) * prod(self.places)
