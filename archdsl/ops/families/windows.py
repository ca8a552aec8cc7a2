"""Arithmetic of sliding windows, shared by convolutions and pools (the reference's page "Sizes").

With n the input size, k the window, s the stride, d the dilation and e = d (k - 1) + 1 the extent, an axis has
floor((n + before + after - e) / s) + 1 windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd
from typing import Any, Literal, NamedTuple, TypeVar

from archdsl.ir import SPATIAL_AXES, WHOLE, Misfit, Op, Rows, Shape, Step, TensorType, is_open, open_size, show_shape
from archdsl.source import counted

Padding = tuple[tuple[int, int], ...]
"""Rows before and after each spatial axis."""

_RANK_HELP = {
    (2, 3): "shapes have no batch axis: an image is [3, 224, 224]",
    (2, 1): "the first axis is that of the channels: a grey image is [1, 28, 28]",
    (1, 2): "one number is a size for all axes: `3` is 3x3",
}
"""By the numbers of sizes given and of spatial axes."""

AnOp = TypeVar("AnOp", bound=Op)

LARGEST_PERIOD = 1024
"""Units whose rows are listed one by one, where those of neighbours differ; of a longer pattern only a bound is told."""


class Geometry(NamedTuple):
    """A window on each spatial axis. The fields are named as the attributes are."""

    window: Shape
    stride: Shape
    dilation: Shape
    pad: Padding
    round: str = "floor"

    @property
    def extents(self) -> Shape:
        return tuple(d * (k - 1) + 1 for k, d in zip(self.window, self.dilation, strict=True))

    @property
    def steps(self) -> tuple[Step, ...]:
        before = [rows for rows, _ in self.pad]
        return tuple(map(Step, self.extents, self.stride, before, self.dilation))


def spell_out(op: AnOp, g: Geometry) -> AnOp:
    """The operator with its window attributes given for each axis."""
    fields = type(op).fields()
    return op.replace(**{name: value for name, value in g._asdict().items() if name in fields})


def geometry(
    operand: TensorType, op: str, window: Any, stride: Any, pad: Any, dilation: Any = 1, round: str = "floor"
) -> Geometry:
    """The window of an operator on its operand. Raises `Misfit`."""
    rank = spatial_rank(op, operand)
    if type(pad) is type(window) is type(stride) is type(dilation) is tuple and (
        type(pad[0]) is tuple and len(pad) == len(window) == len(stride) == len(dilation) == rank
    ):  # as in operators of a graph
        return Geometry(window, stride, dilation, pad, round)
    window = per_axis(window, rank, "window")
    stride = per_axis(stride, rank, "stride")
    dilation = per_axis(dilation, rank, "dilation")
    return Geometry(window, stride, dilation, _paddings(pad, operand.sizes, window, stride, dilation), round)


def spatial_rank(op: str, operand: TensorType) -> int:
    """The number of spatial axes, 1 to 3. Raises `Misfit` for vectors and for more axes."""
    rank = operand.rank - 1
    if rank not in SPATIAL_AXES:
        raise Misfit(
            f"`{op}` needs a map with 1 to 3 spatial axes, not {show_shape(operand.shape)}",
            code="wrong-rank",
            operand=0,
            label=f"{show_shape(operand.shape)} has {'no spatial axis' if rank < 1 else f'{rank} spatial axes'}",
            help="maps are [C, L], [C, H, W] or [C, D, H, W]"
            if rank > 0
            else "words are looked up first: `embedding(10_000, 64) -> permute([1, 0])` makes a map of them"
            if operand.dtype.startswith("int")
            else "a vector comes out of `flatten` or `linear`; windows go before them",
        )
    return rank


def per_axis(value: Any, rank: int, attribute: str) -> Shape:
    """One size for each axis, from one for all or a list. Raises `Misfit` where the numbers of axes differ."""
    if not isinstance(value, tuple):
        return (value,) * rank
    if len(value) != rank:
        raise Misfit(
            f"`{attribute}` has {counted(len(value), 'size')}, the input {counted(rank, 'spatial axis')}",
            code="wrong-rank",
            attribute=attribute,
            label=f"{len(value)} against {rank}",
            help=_RANK_HELP.get((len(value), rank)),
        )
    return tuple(value)


def _paddings(pad: Any, sizes: Shape, window: Shape, stride: Shape, dilation: Shape) -> Padding:
    """Rows before and after each axis for a `pad=` attribute (same, half, full as the reference defines them)."""
    rank = len(sizes)
    extents = [d * (k - 1) + 1 for k, d in zip(window, dilation, strict=True)]
    if pad == "valid":
        return ((0, 0),) * rank
    if pad == "full":
        return tuple((e - 1, e - 1) for e in extents)
    if pad == "half":
        return tuple(_half(e, k) for e, k in zip(extents, window, strict=True))
    if pad == "same":
        return same_padding(sizes, stride, extents)
    return amounts(pad, rank, "pad")


def same_padding(sizes: Shape, stride: Shape, extents: Sequence[int]) -> Padding:
    """Rows with which an axis of n has ceil(n / s) windows; an odd one stands after the input."""
    totals = [_missing(n, s, e) for n, s, e in zip(sizes, stride, extents, strict=True)]
    return tuple((total // 2, total - total // 2) for total in totals)


def _missing(n: int, stride: int, extent: int) -> int:
    """How many rows n is too short for ceil(n / s) windows."""
    rest = (n + stride - 1) // stride * stride - n
    if extent >= stride or open_size(rest) is None:
        return max(rest + extent - stride, 0)
    # A small window misses rows at some sizes alone: the j-th where the rest is at least s - e + j.
    return sum((rest + extent - j) // stride for j in range(1, extent))


def amounts(value: Any, rank: int, attribute: str) -> Padding:
    """Rows before and after each axis, given as one number, one for each axis, or pairs. Raises `Misfit`."""
    if not isinstance(value, tuple) or not all(isinstance(v, tuple) for v in value):
        return tuple((v, v) for v in per_axis(value, rank, attribute))
    if len(value) != rank:
        raise Misfit(
            f"`{attribute}` has {counted(len(value), 'axis')}, the input {counted(rank, 'spatial axis')}",
            code="wrong-rank",
            attribute=attribute,
        )
    return tuple(value)


def _half(extent: int, window: int) -> tuple[int, int]:
    if extent % 2 == 0:
        raise Misfit(
            f"`pad=half` needs a window with a middle row, not an extent of {extent}",
            attribute="pad",
            label=f"(e - 1) / 2 = {extent - 1}/2 rows on each side",
            help=f"use an odd window instead of {window}, or `pad=same`, which puts the odd row after",
        )
    return (extent - 1) // 2, (extent - 1) // 2


def output_sizes(g: Geometry, operand: TensorType) -> Shape:
    """The sizes of the result. Raises `Misfit` where the window is larger than its padded input, or rounds against `exact`."""
    axes = SPATIAL_AXES[len(g.window)]
    return tuple(
        _output_size(axis, n, e, s, pad, g.round)
        for axis, n, e, s, pad in zip(axes, operand.sizes, g.extents, g.stride, g.pad, strict=True)
    )


def _output_size(axis: str, n: int, extent: int, stride: int, pad: tuple[int, int], round: str) -> int:
    before, after = pad
    room = n + before + after - extent
    if is_open(pad) and _is_same(n, extent, stride, pad, round):
        count = (n + stride - 1) // stride
    elif round == "ceil":
        # No window may start beyond the input and its leading pad (PyTorch's rule).
        count = (max(room, min(room + stride, n + before)) + stride - 1) // stride
    else:
        count = room // stride + 1
    if count < 1:
        padded = f"{n} + {before + after} of padding" if before + after else str(n)
        raise Misfit(
            f"the window is larger than its input: {axis} {extent} against {padded}",
            code="window-too-large",
            attribute="window",
            label=f"{axis} {extent} does not fit into {padded}",
            help=f"a window of at most {n + before + after}, or padding of {counted(extent - n, 'row')} in all",
        )
    if round == "exact" and room % stride:
        raise Misfit(
            f"`round=exact`: ({n + before + after} - {extent}) / {stride} + 1 is no whole number on the {axis} axis",
            attribute="round",
            label=f"= {room / stride + 1:.2f}",
        )
    return count


def _is_same(n: int, extent: int, stride: int, pad: tuple[int, int], round: str) -> bool:
    """Whether padding is that of `pad=same`. Rounding up, a window may reach over the end: the odd row need not stand there."""
    ((before, after),) = same_padding((n,), (stride,), (extent,))
    return pad == (before, after) or (round == "ceil" and pad == (before, before))


def transposed_rows(axis: int, window: int, stride: int, dilation: int, before: int) -> Rows | Literal["whole"]:
    """For each output row of one stride, the first and last input row whose window writes to it; all where that is too long
    to list."""
    if stride > LARGEST_PERIOD:
        return WHOLE
    common = gcd(dilation, stride)
    period = stride // common
    inverse = pow(dilation // common, -1, period)
    found: list[tuple[int, int] | None] = []
    for row in range(before, before + stride):
        first = row // common * inverse % period  # the taps that write here are this one and each `period` further on
        if row % common or first >= window:
            found.append(None)
            continue
        last = window - 1 - (window - 1 - first) % period
        found.append(((row - dilation * last) // stride, (row - dilation * first) // stride))
    return Rows(axis, tuple(found), 1, dilation // common)


def show_window(window: Any) -> str:
    return "x".join(map(str, window)) if isinstance(window, tuple) else str(window)


def show_stride(stride: Any) -> str:
    """`/2` for tables, nothing for stride 1."""
    sizes = set(stride) if isinstance(stride, tuple) else {stride}
    if sizes == {1}:
        return ""
    return f" /{show_window(stride if len(sizes) > 1 else sizes.pop())}"


def show_amount(amount: Any) -> str:
    """`1`, `[1, 2]` or `[[0, 1], [0, 1]]`, as specs write it."""
    return f"[{', '.join(map(show_amount, amount))}]" if isinstance(amount, tuple) else str(amount)
