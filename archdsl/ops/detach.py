"""`detach`: a value without its gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, TypeVar

from archdsl.ir import Examples, Expression, Lowering, Op, TensorType, Types
from archdsl.ops.families.checks import check_float

T = TypeVar("T")


class Detach(Op):
    """The value itself, through which no gradient flows: targets that are not trained, Grill et al. 2020, and the
    straight way past a quantizer, van den Oord et al. 2017: `subtract { | quantized | z } -> detach -> add(z)`.

    What leads to detached values alone counts as kept for backward, though PyTorch lets go of it in the forward pass: the
    peak of a training step is an estimate then.
    """

    name = "detach"
    category = "reshape"
    numbered = False
    reads_unbatched = True
    examples: ClassVar[Examples] = (("detach", "[256]", "[256]"),)

    def infer(self, *operands: TensorType) -> Types:
        check_float(self.name, operands[0])
        return (operands[0],)

    def is_view(self, *operands: TensorType) -> bool:
        return True

    def read(self, operands: Sequence[T]) -> Sequence[T]:
        return operands[:0]

    def pytorch(self, *operands: TensorType) -> Lowering:
        return Lowering(function=Expression("{0}.detach()"))
