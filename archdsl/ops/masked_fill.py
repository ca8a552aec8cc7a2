"""`masked_fill`: elements that a mask replaces by a number."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Derivative, Examples, Expression, Incoming, Lowering, Misfit, Op, Saved, TensorType, Types, agree
from archdsl.ir.op.attrs import Field, Number
from archdsl.ir.strides import sizes_together
from archdsl.ops.families.checks import check_float
from archdsl.ops.families.derivatives import repeated
from archdsl.ops.families.merge import batched_rank, check_axes, check_same_rank, sizes_beside


class MaskedFill(Op):
    """A number in place of the elements where `mask` is true: `masked_fill(-1e9, mask=absent)` before a softmax.

    The mask holds booleans, an input or a constant; its axes agree with those of the value or are 1. Of the graph
    attention of Velickovic et al. 2018 it takes the pairs of nodes that have no edge. The numbers of float16 end at 65504:
    there PyTorch refuses larger ones.
    """

    name = "masked_fill"
    category = "activation"
    positional = 1
    numbered = False
    reads_unbatched = True
    tensor_attributes = ("mask",)
    scalars = ("value",)
    examples: ClassVar[Examples] = (
        ("masked_fill(-1e9)", "[8, 64, 64], unbatched bool [64, 64]", "[8, 64, 64]"),
        ("masked_fill(0)", "[64, 16], bool [64, 1]", "[64, 16]"),
    )

    value: Number = Field(description="what stands where the mask is true")

    def infer(self, *operands: TensorType) -> Types:
        x, *masks = operands
        check_float(self.name, x)
        if not masks:
            raise Misfit("`masked_fill` needs a mask", operand=0, help="as `masked_fill(-1e9, mask=absent)`")
        (mask,) = masks
        if mask.dtype != "bool":
            raise Misfit(
                f"a mask holds booleans, not {mask.dtype}",
                code="wrong-dtype",
                operand=1,
                label=f"{mask.dtype} values",
                help='`input mask: bool [64]`, or a comparison in a constant: `constant([64, 64], "j > i")`',
            )
        return (self._filled(x, mask),)

    def _filled(self, x: TensorType, mask: TensorType) -> TensorType:
        """The type of the result: both repeated to the same sizes. Raises `Misfit`."""
        rank = batched_rank((x, mask))
        sizes, other = (sizes_beside(self.name, t, rank, i) for i, t in enumerate((x, mask)))
        if rank is None:
            longest = max(len(sizes), len(other))
            sizes, other = ((1,) * (longest - len(s)) + s for s in (sizes, other))
        check_same_rank(self.name, sizes, other, 1, repeats=True)
        pairs = tuple(zip(sizes, other, strict=True))
        differing = (a for a, (n, m) in enumerate(pairs) if 1 not in (n, m) and not agree(n, m))
        check_axes(self.name, sizes, other, 1, differing)
        return x.with_shape(sizes_together(sizes, other))._replace(batched=x.batched or mask.batched)

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        return (Derivative((repeated(("x0", operands[0]), results[0], incoming.is_single),)),)

    def saved(self, operands: Types, results: Types) -> Saved:
        return Saved(operands=(1,))

    def pytorch(self, *operands: TensorType) -> Lowering:
        return Lowering(function=Expression(f"{{0}}.masked_fill({{1}}, {self.value!r})"))

    def summary(self) -> str:
        return f"masked_fill {self.value:g}"
