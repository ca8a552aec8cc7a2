"""`relu`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples
from archdsl.ops.families.activation import Activation


class Relu(Activation):
    """max(x, 0), element by element. It runs in place wherever the graph proves that nothing else needs its input."""

    name = "relu"
    module = "ReLU"
    function = "F.relu"
    keeps_result = True
    runs_in_place = True
    reads_kept_first = True
    is_never_negative = True
    examples: ClassVar[Examples] = (("relu", "[64, 56, 56]", "[64, 56, 56]"),)
