"""What is counted of an operator."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar

from archdsl.ir.op.multiply_adds import MultiplyAdds
from archdsl.ir.op.signature import Signature, Types
from archdsl.ir.types import Shape, TensorType


class Counted(Signature):
    """Its multiply-adds, and what lectures count beside them."""

    is_weight_layer: ClassVar[bool] = False
    """Whether it counts in `depth`: conv, depthwise, conv_transpose, locally_connected, linear."""

    def fan_in(self, *operands: TensorType) -> Shape:
        """The factors of the weights that one output channel or feature reads, height first: `(3, 3, 64)`."""
        return ()

    def multiply_adds(self, operands: Types, results: Types) -> tuple[MultiplyAdds, ...]:
        """Those of convolutions, linear layers and products for one sample; elementwise work is none. A weight layer has them
        for each result, unless it says otherwise."""
        return (MultiplyAdds(self.fan_in(*operands), results[0].shape),) if self.is_weight_layer else ()

    def macs(self, operands: Types, results: Types, *, is_cut: bool = False) -> int:
        """How many these are; with `is_cut` without the last product."""
        return sum([each.total for each in self.multiply_adds(operands, results)[: -1 if is_cut else None]])

    def macs_backward(self, operands: Types, results: Types, needs: Sequence[bool], trained: Collection[str]) -> int:
        """Multiply-adds of backward for one sample: as many as forward for the weights, and for each operand with a gradient.

        Args:
            needs: which operands depend on something that is trained.
            trained: the names of its own parameters that are.
        """
        trains = any("bias" not in name for name in trained)
        return self.macs(operands, results) * (trains + sum(needs))

    def connections(self, operands: Types, results: Types) -> int:
        """Uses of a weight or a bias for one sample, as LeCun et al. 1998 count them."""
        return 0

    def counts_values(self, operands: Types, results: Types) -> bool:
        """Whether the results stand in a lecture's activation table: weight layers, `subsample` and pools."""
        return self.is_weight_layer

    @property
    def counts_neurons(self) -> bool:
        """Whether the results count as neurons: weight layers, `subsample` and `rbf`."""
        return self.is_weight_layer
