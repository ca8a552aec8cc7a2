"""`upsample`: larger maps by interpolation."""

from __future__ import annotations

from fractions import Fraction
from math import floor
from operator import index
from typing import ClassVar

from archdsl.ir import (
    WHOLE,
    Axes,
    Call,
    Code,
    Examples,
    Lowering,
    Misfit,
    Op,
    Reach,
    Rows,
    Shape,
    TensorType,
    Types,
    open_size,
    show_shape,
)
from archdsl.ir.op.attrs import Field, Flag, Interpolation, Scale, Window
from archdsl.ops.families.calls import Keywords, compact, function
from archdsl.ops.families.checks import check_float
from archdsl.ops.families.windows import LARGEST_PERIOD, per_axis, show_window, spatial_rank
from archdsl.source import counted

MODES = {
    "nearest": {1: "nearest", 2: "nearest", 3: "nearest"},
    "bilinear": {1: "linear", 2: "bilinear", 3: "trilinear"},
    "bicubic": {2: "bicubic"},
}
TAPS = {"nearest": (0, 0), "bilinear": (0, 1), "bicubic": (-1, 2)}
"""The input rows that an output row reads, from the one at or before its place."""


class Upsample(Op):
    """Maps with more (or fewer) rows and columns: a `scale`, sizes `to`, or the sizes of another value `like`.

    `nearest` repeats pixels, `bilinear` and `bicubic` interpolate between pixel centres; on one axis `bilinear` is linear, on
    three trilinear. With `align_corners=true` the outermost pixels keep their places, and the others lie evenly between.
    """

    name = "upsample"
    category = "pool"
    autocast = "float32"
    positional = 1
    tensor_attributes = ("like",)
    lends_sizes = True
    examples: ClassVar[Examples] = (
        ("upsample(2)", "[64, 28, 28]", "[64, 56, 56]"),
        ("upsample(to=224x224, mode=bilinear)", "[21, 28, 28]", "[21, 224, 224]"),
        ("upsample(mode=bilinear)", "[256, 7, 7], [512, 14, 14]", "[256, 14, 14]"),
        ("upsample(2, mode=bilinear, align_corners=true)", "[64, 28, 28]", "[64, 56, 56]"),
    )

    scale: Scale | None = Field(None, description="factor of the sizes, for all axes or one for each")
    to: Window | None = Field(None, description="the sizes of the result")
    mode: Interpolation = Field("nearest", description="how values between pixels are found")
    align_corners: Flag = Field(False, description="whether the outermost pixels keep their places; not with `nearest`")

    def _sizes(self, x: TensorType, like: TensorType | None) -> Shape:
        """The spatial sizes of the result. Raises `Misfit`."""
        rank = spatial_rank(self.name, x)
        if [self.scale, self.to, like].count(None) != 2:
            raise Misfit(
                "`upsample` takes one of a `scale`, sizes `to` or a value to be `like`",
                attribute="to" if self.to is not None else "scale",
                help="`upsample(2)`, `upsample(to=224x224)`, `upsample(like=skip)`",
            )
        if rank not in MODES[self.mode]:
            raise Misfit(f"`mode={self.mode}` is for maps with 2 spatial axes, not {rank}", attribute="mode")
        if self.align_corners and self.mode == "nearest":
            raise Misfit(
                "`align_corners` is for modes that interpolate", attribute="align_corners", help="`mode=bilinear` does"
            )
        if self.to is not None:
            return per_axis(self.to, rank, "to")
        if like is not None:
            if like.rank != x.rank:
                raise Misfit(
                    f"`upsample` cannot make {show_shape(x.shape)} like {show_shape(like.shape)}",
                    code="wrong-rank",
                    operand=1,
                    label=f"{counted(like.rank - 1, 'spatial axis')}, not {rank}",
                )
            return like.sizes
        sizes = tuple(_scaled(n, s) for n, s in zip(x.sizes, self._scales(rank), strict=True))
        if not all(sizes):
            raise Misfit(
                f"`scale` leaves nothing of {show_shape(x.shape)}", attribute="scale", label=f"= {show_shape(sizes)}"
            )
        return sizes

    def _scales(self, rank: int) -> tuple[float, ...]:
        assert self.scale is not None
        return per_axis(self.scale if isinstance(self.scale, tuple) else (self.scale,) * rank, rank, "scale")

    def infer(self, *operands: TensorType) -> Types:
        x, *like = operands
        check_float(self.name, x)
        sizes = self._sizes(x, *like or (None,))
        return (x.mapped((x.channels, *sizes), keeping=(2, 3)),)

    @property
    def keeps_sign(self) -> bool:
        """Cubic weights are below 0 beside the middle ones."""
        return self.mode != "bicubic"

    def gradient_type(self, x: TensorType, y: TensorType, incoming: TensorType) -> TensorType:
        keeping = {"nearest": (2,), "bilinear": (2, 3), "bicubic": ()}
        return incoming.mapped(x.shape, keeping=keeping[self.mode])

    def reach(self, *operands: TensorType) -> Reach:
        found = (rows and Rows(axis, *rows) for axis, rows in enumerate(self._read(operands), 1))
        return Axes((Rows(0), *(rows or WHOLE for rows in found)))

    def reads_less(self, *operands: TensorType) -> bool:
        return None in self._read(operands)

    def _read(self, operands: Types) -> list[tuple[tuple[tuple[int, int], ...], int] | None]:
        """For each axis the rows that the units of one period read, and how far periods are apart; None where that is too
        long to list."""
        (x, *_), (y,) = operands, self.infer(*operands)
        if self.align_corners:
            return [
                self._rows(_ratio(max(m - 1, 1), n - 1), 0) if n > 1 else (((0, 0),), 0)
                for n, m in zip(x.sizes, y.sizes, strict=True)
            ]
        factors = map(Fraction, self._scales(x.rank - 1)) if self.scale else map(_ratio, y.sizes, x.sizes)
        shift = Fraction(0) if self.mode == "nearest" else Fraction(1, 2)
        return [self._rows(factor, shift) for factor in factors]

    def _rows(self, factor: Fraction, shift: Fraction | int) -> tuple[tuple[tuple[int, int], ...], int] | None:
        period, stride = factor.numerator, factor.denominator
        if period > LARGEST_PERIOD:
            return None
        places = [(unit + shift) / factor - shift for unit in range(period)]
        first, last = TAPS[self.mode]
        exact = [(floor(p), floor(p)) if p == floor(p) else (floor(p) + first, floor(p) + last) for p in places]
        return tuple(exact), stride

    def pytorch(self, *operands: TensorType) -> Lowering:
        (x, *_), (y,) = operands, self.infer(*operands)
        rank = x.rank - 1
        size: Keywords = (("scale_factor", compact(self._scales(rank))),) if self.scale else (("size", y.sizes),)
        if len(operands) > 1:  # so that the code holds for other sizes
            size = (("size", Code("{1}.shape[2:]")),)
        mode: Keywords = (("mode", MODES[self.mode][rank]),) if self.mode != "nearest" else ()
        mode += (("align_corners", True),) if self.align_corners else ()
        call = Call("nn.Upsample", (), (*size, *mode)) if len(operands) == 1 else None
        return Lowering(call, function("F.interpolate", (), (*size, *mode)))

    def summary(self) -> str:
        by = f" *{self._show_scale()}" if self.scale else f" to {show_window(self.to)}" if self.to else ""
        return f"upsample{by}{f', {self.mode}' if self.mode != 'nearest' else ''}"

    def _show_scale(self) -> str:
        scales = self.scale if isinstance(self.scale, tuple) else (self.scale,)
        return "x".join(f"{s:g}" for s in scales if s is not None)


def _ratio(size: int, by: int) -> Fraction:
    """How many times a size is another. Raises `OpenSize` where that depends on sizes that are open."""
    is_open = open_size(size) is not None or open_size(by) is not None
    return Fraction(index(size // by)) if is_open else Fraction(size, by)


def _scaled(n: int, scale: float) -> int:
    """PyTorch's size: the product of floating-point numbers, rounded down. Of an open size only simple fractions are known."""
    if open_size(n) is None:
        return floor(n * scale)
    factor = Fraction(scale)
    return n * factor.numerator // factor.denominator
