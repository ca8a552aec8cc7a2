"""`matmul`: matrix products."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar, Literal

from archdsl.ir import (
    WHOLE,
    Axes,
    Derivative,
    Examples,
    Expression,
    Extra,
    Gradient,
    Incoming,
    Lowering,
    Misfit,
    MultiplyAdds,
    Op,
    Reach,
    Rows,
    Saved,
    Shape,
    TensorType,
    Types,
    agree,
    show_shape,
)
from archdsl.ir.strides import sizes_together
from archdsl.ops.families.checks import check_float, check_two
from archdsl.ops.families.merge import Merge, batched_rank, check_one_dtype, sizes_beside
from archdsl.ops.families.products import (
    Product,
    Tensor,
    alone,
    backward,
    made_in_steps,
    multiply_matrices,
    saved,
    single_matrix,
)
from archdsl.source import counted


class MatMul(Merge):
    """The matrix product over the last two axes: `[..., a, b]` times `[..., b, c]` is `[..., a, c]`.

    The axes before agree or are 1; each is a batch of its own. Queries times keys are
    `matmul { | queries | keys -> permute([0, 2, 1]) }`. A learned matrix `[b, c]` is the same for every sample.
    """

    name = "matmul"
    autocast = "lower"
    examples: ClassVar[Examples] = (
        ("matmul", "[8, 197, 64], [8, 64, 197]", "[8, 197, 197]"),
        ("matmul", "[16, 32], [32, 8]", "[16, 8]"),
        ("matmul", "[16, 32], unbatched [32, 8]", "[16, 8]"),
    )

    is_learned: ClassVar[bool] = True
    """Whether a factor that is one matrix for all samples requires a gradient."""

    def infer(self, *operands: TensorType) -> Types:
        check_one_dtype(self.name, operands)
        check_float(self.name, operands[0])
        if len(operands) == 1:
            return operands
        check_two(self.name, operands)
        left, right = self._shapes(operands)
        if not agree(left[-1], right[-2]):
            raise Misfit(
                f"`matmul` sums over the last axis of the first value and the last but one of the second: "
                f"{left[-1]} against {right[-2]}",
                code="shape-mismatch",
                operand=1,
                label=f"{right[-2]}, not {left[-1]}",
                help="`permute` brings the axes into order",
            )
        odd = next(
            (
                a
                for a, (n, m) in enumerate(zip(left[:-2], right[:-2], strict=True))
                if 1 not in (m, n) and not agree(m, n)
            ),
            None,
        )
        if odd is not None:
            raise Misfit(
                f"the values of `matmul` have {left[odd]} and {right[odd]} matrices",
                code="shape-mismatch",
                operand=1,
                label=f"axis {odd}: {right[odd]}, not {left[odd]}",
            )
        shape = (*sizes_together(left[:-2], right[:-2]), left[-2], right[-1])
        return (operands[0].with_shape(shape)._replace(batched=any(x.batched for x in operands)),)

    def _shapes(self, operands: Types) -> tuple[Shape, Shape]:
        """The shapes of both values beside each other. Raises `Misfit`."""
        for index, x in enumerate(operands):
            if x.rank < 2:
                raise Misfit(
                    f"`matmul` multiplies matrices, and {show_shape(x.shape)} has no two axes",
                    code="wrong-rank",
                    operand=index,
                    label=counted(x.rank, "axis"),
                )
        rank = batched_rank(operands) or max(x.rank for x in operands)
        first, second = (sizes_beside(self.name, x, batched_rank(operands), i) for i, x in enumerate(operands))
        first, second = (
            (1,) * (rank - len(s)) + s if not x.batched else s for s, x in zip((first, second), operands, strict=True)
        )
        if len(first) != len(second):
            raise Misfit(
                "the values of `matmul` have unlike numbers of axes",
                code="wrong-rank",
                operand=1,
                label=f"{len(second)}, not {len(first)}",
            )
        return first, second

    def _products(self, operands: Types, one: bool = False) -> list[Product]:
        """What PyTorch does, for a batch of unknown size or of one."""
        if len(operands) < 2:
            return []
        left, right = map(Tensor.of, operands)
        if one:
            left, right = alone(left), alone(right)
        return [multiply_matrices(left, right, is_learned=self.is_learned)]

    def multiply_adds(self, operands: Types, results: Types) -> tuple[MultiplyAdds, ...]:
        return (MultiplyAdds(operands[0].shape[-1:], results[0].shape),) if len(operands) == 2 else ()

    def reach(self, *operands: TensorType) -> Reach:
        if len(operands) == 1:
            return "pointwise"
        (y,) = self.infer(*operands)
        return Axes(*(self._moves(x.rank, y.rank, side) for side, x in enumerate(operands)))

    def _moves(self, rank: int, result: int, side: int) -> tuple[Rows | Literal["whole"] | None, ...]:
        """The first value keeps its last axis but one, the second its last."""
        summed = rank - 1 if side == 0 else rank - 2
        return tuple(WHOLE if a == summed else Rows(a + result - rank) for a in range(rank))

    def saved(self, operands: Types, results: Types) -> Saved:
        return saved(operands, self._products(operands), self._products(operands, one=True))

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        if len(operands) == 1:
            return (Derivative((Gradient("x0", operands[0], "same"),)),)
        (product,) = self._products(operands, one=incoming.is_single)
        return tuple(backward(operands, results, product, incoming))

    def requiring(self, wanted: Collection[int], *operands: TensorType) -> Op:
        if len(wanted) == len(operands):
            return self
        single = single_matrix(*map(Tensor.of, operands))
        return self if single is None or single in wanted else _PlainMatMul()

    def is_cast_exactly(self, operands: Types, results: Types, *, is_lower: bool) -> bool:
        return len(operands) == 2

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        made = made_in_steps(operands, self._products(operands), self._products(operands, one=True))
        return made[0] if made else ()

    def pytorch(self, *operands: TensorType) -> Lowering:
        return Lowering(function=Expression("{0} @ {1}" if len(operands) == 2 else "{0}"))


class _PlainMatMul(MatMul):
    """Where such a factor is a constant, or computed, or frozen."""

    is_learned = False
