"""`expand`: a learned tensor for every sample."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import (
    Derivative,
    Examples,
    Expression,
    Incoming,
    Lowering,
    Misfit,
    Op,
    Reach,
    TensorType,
    Types,
    show_shape,
)
from archdsl.ops.families.moves import shifted
from archdsl.ops.families.repeated import over_batch, summed


class Expand(Op):
    """A learned or constant tensor repeated over the batch of a value, so that layers work on it: the queries of
    Carion et al. 2020 are `queries -> expand(like=tokens)`.

    A leading 1 stands for the batch, as in `parameter([1, 100, 256])`. Nothing is copied.
    """

    name = "expand"
    category = "reshape"
    numbered = False
    reads_unbatched = True
    tensor_attributes = ("like",)
    lends_sizes = True
    examples: ClassVar[Examples] = (("expand", "unbatched [1, 100, 256], [1024, 256]", "[100, 256]"),)

    def infer(self, *operands: TensorType) -> Types:
        x, *like = operands
        if x.batched:
            raise Misfit("`expand` is for learned and constant tensors: this value has a batch axis", operand=0)
        if not like or not like[0].batched:
            raise Misfit("`expand` needs a value with a batch axis", operand=len(like), help="as `expand(like=tokens)`")
        if not x.rank or x.shape[0] != 1:
            raise Misfit(
                f"`expand` repeats a learned tensor over the batch, and {show_shape(x.shape)} has no leading 1 for it",
                code="shape-mismatch",
                operand=0,
                help=f"`reshape({show_shape((1, *x.shape))})` puts one before",
            )
        return (over_batch(x),)

    def reach(self, *operands: TensorType) -> Reach:
        return shifted(operands[0].rank, {})

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        return (Derivative((summed("x0", operands[0], incoming.type, incoming),)),)

    def is_view(self, *operands: TensorType) -> bool:
        return True

    def pytorch(self, *operands: TensorType) -> Lowering:
        kept = ", -1" * (operands[0].rank - 1)
        return Lowering(function=Expression(f"{{0}}.expand({{1}}.shape[0]{kept})"))
