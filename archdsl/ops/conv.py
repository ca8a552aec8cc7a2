"""`conv`: convolution over one, two or three spatial axes."""

from __future__ import annotations

from math import prod
from typing import ClassVar

from pydantic import Field

from archdsl.ir.attrs import Flag, Pad, Rounding, Size, Table, Window
from archdsl.ir.lowering import Call, Helper, Literal, Lowering
from archdsl.ir.op import Examples, Extra, Misfit, Op, Reach, Saved, State, Types
from archdsl.ir.types import Shape, TensorType
from archdsl.ops.windows import Geometry, compact, geometry, output_sizes, show_stride, show_window


class Conv(Op):
    """Convolution: every output map reads a window of every input map of its group.

    The number of spatial axes is the input's. `pad=half` keeps the size at stride 1, `pad=same` gives ceil(n / stride).
    With a connection `table` (one string for each input map, one character for each output map, `X` where they are
    joined) only joined pairs have weights: LeCun et al. 1998, Table I. MACs are those of joined pairs, while PyTorch's
    dense kernel runs all of them: the one place where `macs` and `FlopCounterMode` differ.
    """

    name = "conv"
    category = "conv"
    positional = 3
    is_weight_layer = True
    examples: ClassVar[Examples] = (
        ("conv(64, 3x3, pad=1)", "[3, 32, 32]", "[64, 32, 32]"),
        ("conv(96, 11x11, stride=4)", "[3, 227, 227]", "[96, 55, 55]"),
        ("conv(8, [1, 7], pad=half, groups=2)", "[4, 9, 9]", "[8, 9, 9]"),
        ("conv(16, 5, pad=same)", "[1, 100]", "[16, 100]"),
    )

    channels: Size = Field(description="output maps")
    window: Window = Field(description="size of the window")
    stride: Window = Field(1, description="rows from one window to the next")
    pad: Pad = Field(0, description="rows of zeros around the input")
    dilation: Window = Field(1, description="rows from one tap of the window to the next")
    groups: Size = Field(1, description="parts that input and output maps are split into; each sees only its own")
    bias: Flag = Field(True, description="whether each output map has a bias")
    table: Table | None = Field(None, description="which input maps feed which output maps")
    round: Rounding = Field("floor", description="what to do with rows that no window fits")

    def geometry(self, x: TensorType) -> Geometry:
        return geometry(x, self.name, self.window, self.stride, self.pad, self.dilation, self.round)

    def resolve(self, *operands: TensorType) -> Conv:
        g = self.geometry(operands[0])
        return self.model_copy(update={"window": g.window, "stride": g.stride, "dilation": g.dilation, "pad": g.pads})

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        if not x.is_float:
            raise Misfit(f"`conv` reads float values, not {x.dtype}", code="wrong-dtype", operand=0)
        sizes = output_sizes(self.geometry(x), x)
        for what, channels in (("input", x.channels), ("output", self.channels)):
            if channels % self.groups:
                raise Misfit(
                    f"{self.groups} groups do not divide {channels} {what} channels",
                    attribute="groups",
                    label=f"{channels} = {channels // self.groups} * {self.groups} + {channels % self.groups}",
                )
        self._check_table(x)
        return (x.with_shape((self.channels, *sizes)),)

    def _check_table(self, x: TensorType) -> None:
        if self.table is None:
            return
        if self.groups != 1:
            raise Misfit("`table` and `groups` exclude each other", attribute="table")
        if len(self.table) != x.channels:
            raise Misfit(f"`table` has {len(self.table)} rows for {x.channels} input maps", attribute="table")
        for number, row in enumerate(self.table):
            if len(row) != self.channels:
                raise Misfit(
                    f"row {number} of `table` has {len(row)} characters for {self.channels} output maps",
                    attribute="table",
                )
            if set(row) - set("X. "):
                raise Misfit(f"row {number} of `table` may hold only `X`, `.` and blanks", attribute="table")
        for column in range(self.channels):
            if not any(row[column] == "X" for row in self.table):
                raise Misfit(f"output map {column} is joined to no input map", attribute="table")

    @property
    def pairs(self) -> int | None:
        """Joined pairs of maps, where a table says which."""
        return None if self.table is None else sum(row.count("X") for row in self.table)

    def _weights(self, x: TensorType) -> Shape:
        window = self.geometry(x).window
        if self.pairs is not None:
            return (self.pairs, *window)
        return (self.channels, x.channels // self.groups, *window)

    def state(self, *operands: TensorType) -> tuple[State, ...]:
        weight = State("weight", self._weights(operands[0]))
        return (weight, State("bias", (self.channels,))) if self.bias else (weight,)

    def macs(self, operands: Types, results: Types) -> int:
        return prod(self._weights(operands[0])) * prod(results[0].sizes)

    def connections(self, operands: Types, results: Types) -> int:
        return self.macs(operands, results) + self.bias * results[0].numel

    def fan_in(self, *operands: TensorType) -> Shape:
        if self.table is not None:
            return ()
        return (*self.geometry(operands[0]).window, operands[0].channels // self.groups)

    def reach(self, *operands: TensorType) -> Reach:
        return self.geometry(operands[0]).steps

    def _padded(self, x: TensorType, y: TensorType) -> TensorType | None:
        """The padded copy that PyTorch makes where its own padding cannot say it, or None."""
        pads = self._torch_pads(x, y)
        if all(before == after for before, after in pads):
            return None
        return x.with_shape((x.channels, *(n + b + a for n, (b, a) in zip(x.sizes, pads, strict=True))))

    def _torch_pads(self, x: TensorType, y: TensorType) -> tuple[tuple[int, int], ...]:
        """The padding that gives the result's sizes with floor division."""
        g = self.geometry(x)
        if g.round != "ceil":
            return g.pads
        needed = ((out - 1) * s + e for out, s, e in zip(y.sizes, g.stride, g.extents, strict=True))
        return tuple((b, max(a, need - n - b)) for need, n, (b, a) in zip(needed, x.sizes, g.pads, strict=True))

    def saved(self, operands: Types, results: Types) -> Saved:
        padded = self._padded(operands[0], results[0])
        if padded is None:
            return Saved(operands=(0,))
        return Saved(extra=(Extra("padded input", padded.shape, padded.dtype),))

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        padded = self._padded(operands[0], results[0])
        return () if padded is None else (Extra("padded input", padded.shape, padded.dtype),)

    def pytorch(self, *operands: TensorType) -> Lowering:
        (x,) = operands
        (y,) = self.infer(x)
        g = self.geometry(x)
        rank = len(g.window)
        keywords: list[tuple[str, Literal]] = []
        if any(s != 1 for s in g.stride):
            keywords.append(("stride", compact(g.stride)))
        pads = self._torch_pads(x, y)
        padded = self._padded(x, y) is not None
        if padded:
            # F.pad counts from the last axis.
            keywords.append(("pads", tuple(p for pair in reversed(pads) for p in pair)))
        elif any(before for before, _ in pads):
            keywords.append(("padding", compact(tuple(before for before, _ in pads))))
        if any(d != 1 for d in g.dilation):
            keywords.append(("dilation", compact(g.dilation)))
        if self.groups != 1:
            keywords.append(("groups", self.groups))
        if not self.bias:
            keywords.append(("bias", False))
        args: tuple[Literal, ...] = (x.channels, self.channels, compact(g.window))
        if self.table is not None:
            table = tuple(row.replace(" ", ".") for row in self.table)
            return Lowering(Call(f"TableConv{rank}d", (*args, table), tuple(keywords)), helper=_table_conv(rank))
        if padded:
            return Lowering(Call(f"PaddedConv{rank}d", args, tuple(keywords)), helper=_padded_conv(rank))
        return Lowering(Call(f"nn.Conv{rank}d", args, tuple(keywords)))

    def summary(self) -> str:
        window = self.window if isinstance(self.window, tuple) else (self.window,)
        stride = self.stride if isinstance(self.stride, tuple) else (self.stride,)
        groups = f", groups={self.groups}" if self.groups != 1 else ""
        return f"conv {show_window(window)}, {self.channels}{show_stride(stride)}{groups}"


def _padded_conv(rank: int) -> Helper:
    return Helper(
        f"PaddedConv{rank}d",
        f'''
class PaddedConv{rank}d(nn.Conv{rank}d):
    """A convolution whose input is padded differently before and after an axis."""

    def __init__(self, *args: Any, pads: tuple[int, ...], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pads = pads

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, self.pads))
''',
        ("Any", "Tensor", "nn", "F"),
    )


def _table_conv(rank: int) -> Helper:
    return Helper(
        f"TableConv{rank}d",
        f'''
class TableConv{rank}d(nn.Module):
    """A convolution in which only the pairs of maps that a table joins have weights.

    The table has a string for each input map and a character for each output map, X where they are joined.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int | tuple[int, ...], table: tuple[str, ...],
                 stride: int | tuple[int, ...] = 1, padding: int | tuple[int, ...] = 0,
                 dilation: int | tuple[int, ...] = 1, pads: tuple[int, ...] = (), bias: bool = True) -> None:
        super().__init__()
        window = (kernel_size,) * {rank} if isinstance(kernel_size, int) else kernel_size
        joined = torch.tensor([[row[o] == "X" for row in table] for o in range(out_channels)])
        self.register_buffer("joined", joined, persistent=False)
        self.stride, self.padding, self.dilation, self.pads = stride, padding, dilation, pads
        self.weight = nn.Parameter(torch.empty(int(joined.sum()), *window))
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        bound = (joined.sum(1).min().item() * self.weight[0].numel()) ** -0.5
        nn.init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        dense = self.weight.new_zeros(*self.joined.shape, *self.weight.shape[1:])
        dense[self.joined] = self.weight
        x = F.pad(x, self.pads) if self.pads else x
        return F.conv{rank}d(x, dense, self.bias, self.stride, self.padding, self.dilation)
''',
        ("Tensor", "torch", "nn", "F"),
    )


class Depthwise(Conv):
    """Convolution of each input map on its own, `multiplier` output maps for each: conv with `groups` = C."""

    name = "depthwise"
    positional = 2
    examples: ClassVar[Examples] = (("depthwise(3x3, pad=1)", "[32, 14, 14]", "[32, 14, 14]"),)
