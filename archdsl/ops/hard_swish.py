"""`hard_swish`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples
from archdsl.ops.families.activation import Activation


class HardSwish(Activation):
    """x * min(max(x + 3, 0), 6) / 6: a swish of straight lines, Howard et al. 2019."""

    name = "hard_swish"
    module = "Hardswish"
    function = "F.hardswish"
    copies_in_place = True
    examples: ClassVar[Examples] = (("hard_swish", "[64, 56, 56]", "[64, 56, 56]"),)
