"""`crop`: the borders of a map cut off."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import SPATIAL_AXES, Examples, Lowering, Misfit, Reach, TensorType, Types, open_size, show_shape
from archdsl.ir.op.attrs import Amount, Field, Offset
from archdsl.ops.families.indexing import Part, indexed, part, rows
from archdsl.ops.families.moves import shifted
from archdsl.ops.families.windows import Padding, amounts, per_axis, show_amount, spatial_rank
from archdsl.source import counted


class Crop(Part):
    """Cuts rows off the spatial axes: an `amount`, written as padding is, or what is more than another value has.

    `crop(like=up)` keeps the middle (Ronneberger et al. 2015); where the rows do not halve, one more goes at the end.
    With an `offset` the rows from there on are kept (Long et al. 2015).
    """

    name = "crop"
    positional = 1
    tensor_attributes = ("like",)
    lends_sizes = True
    examples: ClassVar[Examples] = (
        ("crop(4)", "[64, 64, 64]", "[64, 56, 56]"),
        ("crop([[1, 0], [1, 0]])", "[32, 56, 56]", "[32, 55, 55]"),
        ("crop", "[512, 64, 64], [512, 56, 56]", "[512, 56, 56]"),
    )

    amount: Amount | None = Field(None, description="rows to cut off; not together with `like`")
    offset: Offset = Field("center", description="with `like`: the first row that is kept, or center")

    def _cuts(self, x: TensorType, like: TensorType | None) -> Padding:
        """Rows to cut off before and after each axis. Raises `Misfit` where the operands are not of that kind."""
        rank = spatial_rank(self.name, x)
        if (self.amount is None) == (like is None):
            raise Misfit(
                "`crop` takes either an `amount` or a value to be `like`",
                attribute="amount",
                help="`crop(4)` cuts 4 rows off each side, `crop(like=up)` leaves the sizes of `up`",
            )
        if self.amount is not None:
            if self.offset != "center":
                raise Misfit(
                    "`offset` goes with `like`", attribute="offset", help="say `amount=[[before, after], ...]`"
                )
            return amounts(self.amount, rank, "amount")
        assert like is not None
        if like.rank != x.rank:
            raise Misfit(
                f"`crop` cannot make {show_shape(x.shape)} like {show_shape(like.shape)}",
                code="wrong-rank",
                operand=1,
                label=f"{counted(like.rank - 1, 'spatial axis')}, not {rank}",
            )
        starts = per_axis(self.offset, rank, "offset") if self.offset != "center" else None
        cuts = []
        for a, (n, m) in enumerate(zip(x.sizes, like.sizes, strict=True)):
            start = starts[a] if starts else (n - m) // 2
            cuts.append((start, n - m - start))
        return tuple(cuts)

    def _check(self, cuts: Padding, x: TensorType, like: TensorType | None) -> None:
        """Raises `Misfit` where an axis has too few rows."""
        for a, (name, n, (start, after)) in enumerate(zip(SPATIAL_AXES[len(cuts)], x.sizes, cuts, strict=True)):
            if like is None:
                if start + after >= n:
                    raise Misfit(
                        f"`crop` cuts {start + after} of {counted(n, 'row')} off the {name} axis",
                        attribute="amount",
                        label="nothing would be left",
                    )
                continue
            m, is_centered = like.sizes[a], self.offset == "center"
            if start < 0 or start + m > n:
                raise Misfit(
                    f"`crop` cannot leave {counted(m, 'row')} out of {n} on the {name} axis",
                    code="shape-mismatch",
                    attribute=None if is_centered else "offset",
                    operand=1 if is_centered else None,
                    label=f"{m} is more than {n}" if is_centered else f"{start} + {m} is more than {n}",
                    help="the larger value is cropped to the smaller one" if is_centered else None,
                )

    def infer(self, *operands: TensorType) -> Types:
        x, *like = operands
        cuts = self._cuts(x, *like or (None,))
        self._check(cuts, x, *like or (None,))
        return part(x, (x.channels, *(n - before - after for n, (before, after) in zip(x.sizes, cuts, strict=True))))

    def reach(self, *operands: TensorType) -> Reach:
        x, *like = operands
        return shifted(x.rank, {a: before for a, (before, _) in enumerate(self._cuts(x, *like or (None,)), 1)})

    def pytorch(self, *operands: TensorType) -> Lowering:
        x, *like = operands
        cuts = self._cuts(x, *like or (None,))
        indexes = {}
        for a, (before, after) in enumerate(cuts, 1):
            n, *m = [f"{{{i}}}.shape[{a + operand.batched}]" for i, operand in enumerate(operands)]
            if self.offset != "center":  # so that the code holds for other sizes
                indexes[a] = f"{before} : {before} + {m[0]}" if before else f":{m[0]}"
            elif like and _differs((before, after)):
                indexes[a] = f"({n} - {m[0]}) // 2 : ({n} + {m[0]}) // 2"
            elif before or after:
                indexes[a] = rows(before, x.shape[a] - after, x.shape[a])
        return indexed(x, indexes)

    def summary(self) -> str:
        return "crop" if self.amount is None else f"crop {show_amount(self.amount)}"


def _differs(cut: tuple[int, int]) -> bool:
    """Whether so many rows are not the same at all sizes."""
    formulas = [formula for n in cut if (formula := open_size(n)) is not None]
    return any(open_size(formula.domain.simplified(formula)) is not None for formula in formulas)
