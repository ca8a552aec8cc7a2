"""`choose`: elements of one value or of another."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Derivative, Examples, Expression, Incoming, Lowering, Misfit, Saved, TensorType, Types
from archdsl.ir.strides import elementwise
from archdsl.ops.families.derivatives import repeated, spread
from archdsl.ops.families.merge import Elementwise, check_one_dtype


class Choose(Elementwise):
    """The second value where the first, a mask of booleans, is true, and the third elsewhere: `torch.where`.

    Masks are inputs, constants, or made by `compare`. Sizes agree or are 1. The values are floats, integers or masks.
    """

    name = "choose"
    is_itself_of_one = False
    examples: ClassVar[Examples] = (
        ("choose", "bool [16, 8], [16, 8], [16, 8]", "[16, 8]"),
        ("choose", "bool [16, 1], [16, 8], unbatched [8]", "[16, 8]"),
        ("choose", "bool [16], int64 [16], unbatched int64 [1]", "int64 [16]"),
    )

    def infer(self, *operands: TensorType) -> Types:
        if len(operands) != 3:
            raise Misfit(
                f"`choose` takes a mask and two values, not {len(operands)}",
                code="shape-mismatch",
                operand=len(operands) - 1,
                help="as `choose { | mask | then | otherwise }`",
            )
        mask, then, otherwise = operands
        if mask.dtype != "bool":
            raise Misfit(
                f"a mask holds booleans, not {mask.dtype}",
                code="wrong-dtype",
                operand=0,
                label=f"{mask.dtype} values",
                help='`compare(">", 0)` makes one',
            )
        check_one_dtype(self.name, (then, otherwise))
        whole = self._steps(operands)[-1]._replace(dtype=then.dtype)
        if all(x.strides is None for x in operands):
            return (whole,)
        strides = elementwise(whole.tensor_shape, *((x.tensor_shape, x.tensor_strides) for x in operands))
        return (whole.with_strides(whole.shape, strides),)

    def saved(self, operands: Types, results: Types) -> Saved:
        return Saved(operands=(0,)) if results[0].is_float else Saved()

    def scratch(self, operands: Types, results: Types) -> tuple[()]:
        return ()

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        """What comes in where a value was chosen, and zeros elsewhere."""
        zero = TensorType((), results[0].dtype, batched=False)
        pairs = ((f"x{i}", operands[i]) for i in (1, 2))
        made = spread(results[0], operands[0], incoming.type)
        return (Derivative(tuple(repeated(p, made, incoming.is_single, (zero,)) for p in pairs)),)

    def pytorch(self, *operands: TensorType) -> Lowering:
        return Lowering(function=Expression("torch.where({*})", ("torch",)))
