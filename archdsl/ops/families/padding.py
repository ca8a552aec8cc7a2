"""Padding that PyTorch's own modules cannot say: unlike rows before and after, or those that `round=ceil` adds."""

from __future__ import annotations

from archdsl.ir import Derivative, Extra, Gradient, Helper, Shape, TensorType, agree, always_agree
from archdsl.ops.families.windows import Geometry, Padding, output_sizes


def floor_padding(g: Geometry, x: TensorType) -> Padding:
    """The padding with which floor division gives the result's sizes."""
    if g.round != "ceil":
        return g.pad
    sizes = output_sizes(g, x)
    return tuple(_floor_pair(*axis) for axis in zip(x.sizes, sizes, g.extents, g.stride, g.pad, strict=True))


def _floor_pair(n: int, out: int, extent: int, stride: int, pad: tuple[int, int]) -> tuple[int, int]:
    before, after = pad
    read = (out - 1) * stride + extent
    fewest = read - n - before
    return before, min(max(after, fewest), fewest + stride - 1)


def is_symmetric(padding: Padding) -> bool:
    """Whether every axis is padded alike on both sides, which is all that most PyTorch modules can do."""
    return all(always_agree(before, after) for before, after in padding)


def padded(x: TensorType, padding: Padding) -> TensorType:
    """The type of a padded copy."""
    return x.with_shape((x.channels, *padded_sizes(x.sizes, padding)))


def padded_sizes(sizes: Shape, padding: Padding) -> Shape:
    return tuple(n + before + after for n, (before, after) in zip(sizes, padding, strict=True))


def padded_copy(x: TensorType, padding: Padding) -> Extra:
    """The copy of the input that `F.pad` makes. Raises `OpenSize` where some sizes need none."""
    any(not agree(before, after) for before, after in padding)  # asks, until one axis is known to need it
    copy = padded(x, padding)
    return Extra("padded input", copy.shape, copy.dtype)


def of_padded(
    x: TensorType, padding: Padding, parameters: tuple[Gradient, ...] = (), *, keeping: Shape = (2, 3)
) -> tuple[Derivative, ...]:
    """The derivatives of a kernel that ran on a padded copy: of the copy and the parameters, then of the input.

    Args:
        keeping: the numbers of spatial axes for which maps with channels last stay so.
    """
    of_copy = Derivative((Gradient("padded", padded(x, padding)), *parameters))
    return of_copy, Derivative((Gradient("x0", x.mapped(x.shape, keeping=keeping)),), takes=("padded",))


def pads(padding: Padding) -> Shape:
    """The argument of `F.pad`, which counts from the last axis."""
    return tuple(rows for pair in reversed(padding) for rows in pair)


def same_conv(rank: int) -> Helper:
    """A convolution that works out `pad=same` from the size of its input. It copies the input where rows are odd in number."""
    function = f"F.conv{rank}d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)"
    return _same(f"Conv{rank}d", "A convolution", function, is_dilated=True)


def same_pool(kind: str, rank: int, *, is_rounded: bool) -> Helper:
    """A pool that works `pad=same` out from the size of its input.

    Args:
        kind: `Max` or `Avg`.
        is_rounded: whether rounding up stands for an odd row, which no result reads; else the input is copied with it.
    """
    more = ", self.dilation, ceil_mode=True" if kind == "Max" else ", ceil_mode=True, count_include_pad=False"
    given = f"x, self.kernel_size, self.stride, padding{more if is_rounded else ''}"
    function = f"F.{kind.lower()}_pool{rank}d({given})"
    return _same(f"{kind}Pool{rank}d", "A pool", function, is_dilated=kind == "Max", is_copied=not is_rounded)


def _same(base: str, what: str, function: str, *, is_dilated: bool, is_copied: bool = True) -> Helper:
    """A subclass of the module `base` that works out `padding` for `function`.

    Args:
        is_copied: whether the input is copied where rows are odd in number.
    """
    name = f"Same{base}"
    dilation, d, extent = (", self.dilation", ", d", "d * (k - 1) + 1") if is_dilated else ("", "", "k")
    copy = """
        if any(r % 2 for r in rows):
            x = F.pad(x, [pad for r in reversed(rows) for pad in (r // 2, r - r // 2)])
            rows = [0] * len(rows)"""
    return Helper(
        name,
        f'''
class {name}(nn.{base}):
    """{what} padded so that its stride alone sets the size of the result; an odd row stands after the input."""

    def forward(self, x: Tensor) -> Tensor:
        axes = zip(x.shape[2:], self.kernel_size, self.stride{dilation}, strict=True)
        rows = [max((-(-n // s) - 1) * s + {extent} - n, 0) for n, k, s{d} in axes]{copy if is_copied else ""}
        padding = [r // 2 for r in rows]
        return {function}
''',
        ("Tensor", "nn", "F"),
    )


def padded_module(base: str, what: str, value: str | None = None) -> Helper:
    """A subclass of the module `base` that pads its input first, with zeros or `value`."""
    name = f"Padded{base}"
    pad = "F.pad(x, self.pads)" if value is None else f"F.pad(x, self.pads, value={value})"
    return Helper(
        name,
        f'''
class {name}(nn.{base}):
    """{what} whose input is padded differently before and after an axis."""

    def __init__(self, *args: Any, pads: tuple[int, ...], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pads = pads

    def forward(self, x: Tensor) -> Tensor:
        return super().forward({pad})
''',
        ("Any", "Tensor", "nn", "F"),
    )
