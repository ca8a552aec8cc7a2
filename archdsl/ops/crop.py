"""`crop`: the borders of a map cut off."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import SPATIAL_AXES, Examples, Lowering, Misfit, Reach, TensorType, Types, show_shape
from archdsl.ir.attrs import Amount, Field, Offset
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
        """Rows to cut off before and after each axis. Raises `Misfit`."""
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
            return self._checked(x, amounts(self.amount, rank, "amount"))
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
        for a, (name, n, m) in enumerate(zip(SPATIAL_AXES[rank], x.sizes, like.sizes, strict=True)):
            start = starts[a] if starts else (n - m) // 2
            if start < 0 or start + m > n:
                raise Misfit(
                    f"`crop` cannot leave {counted(m, 'row')} out of {n} on the {name} axis",
                    code="shape-mismatch",
                    attribute="offset" if starts else None,
                    operand=None if starts else 1,
                    label=f"{start} + {m} is more than {n}" if starts else f"{m} is more than {n}",
                    help=None if starts else "the larger value is cropped to the smaller one",
                )
            cuts.append((start, n - m - start))
        return tuple(cuts)

    def _checked(self, x: TensorType, cuts: Padding) -> Padding:
        for name, n, (before, after) in zip(SPATIAL_AXES[len(cuts)], x.sizes, cuts, strict=True):
            if before + after >= n:
                raise Misfit(
                    f"`crop` cuts {before + after} of {counted(n, 'row')} off the {name} axis",
                    attribute="amount",
                    label="nothing would be left",
                )
        return cuts

    def infer(self, *operands: TensorType) -> Types:
        x, *like = operands
        cuts = self._cuts(x, *like or (None,))
        return part(x, (x.channels, *(n - before - after for n, (before, after) in zip(x.sizes, cuts, strict=True))))

    def reach(self, *operands: TensorType) -> Reach:
        x, *like = operands
        return shifted(x.rank, {a: before for a, (before, _) in enumerate(self._cuts(x, *like or (None,)), 1)})

    def pytorch(self, *operands: TensorType) -> Lowering:
        x, *like = operands
        cuts = enumerate(self._cuts(x, *like or (None,)), 1)
        if self.offset != "center":  # so that the code holds for other sizes
            sizes = {a: f"{{1}}.shape[{a + x.batched}]" for a in range(1, x.rank)}
            return indexed(x, {a: f"{b} : {b} + {sizes[a]}" if b else f":{sizes[a]}" for a, (b, _) in cuts})
        return indexed(x, {a: rows(b, x.shape[a] - e, x.shape[a]) for a, (b, e) in cuts if b or e})

    def summary(self) -> str:
        return "crop" if self.amount is None else f"crop {show_amount(self.amount)}"
