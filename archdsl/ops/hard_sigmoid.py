"""`hard_sigmoid`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples
from archdsl.ops.families.activation import Activation


class HardSigmoid(Activation):
    """min(max(x + 3, 0), 6) / 6: a sigmoid of straight lines, Howard et al. 2019."""

    name = "hard_sigmoid"
    module = "Hardsigmoid"
    function = "F.hardsigmoid"
    is_never_negative = True
    examples: ClassVar[Examples] = (("hard_sigmoid", "[64, 56, 56]", "[64, 56, 56]"),)
