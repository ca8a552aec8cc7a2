"""`conv`: convolution over one, two or three spatial axes."""

from __future__ import annotations

from math import prod
from typing import ClassVar

from archdsl.ir import Examples, Extra, Helper, Lowering, Misfit, MultiplyAdds, Shape, State, TensorType, Types
from archdsl.ir.op.attrs import Field, Flag, Pad, Parametrization, Rounding, Size, Table, Window
from archdsl.ops.families.calls import helper_call
from archdsl.ops.families.checks import check_groups
from archdsl.ops.families.convolution import Convolution, Filters
from archdsl.ops.families.reparametrized import LEARNED_AS
from archdsl.ops.families.windows import geometry, show_stride, show_window
from archdsl.source import counted


class Conv(Convolution):
    """Convolution: every output map reads a window of every input map of its group.

    The number of spatial axes is the input's. `pad=half` keeps the size at stride 1, `pad=same` gives ceil(n / stride).

    With a connection `table` (one string for each input map, one character for each output map, `X` where they are
    joined) only joined pairs have weights: LeCun et al. 1998, Table I. MACs are those of joined pairs, while PyTorch's
    dense kernel runs all of them: the one place where `macs` and `FlopCounterMode` differ.

    `standardize` shifts and scales the weights of each output map to mean 0 and variance 1 before they are used:
    weight standardization, Qiao et al. 2019 (arXiv 1903.10520).
    """

    name = "conv"
    positional = 3
    examples: ClassVar[Examples] = (
        ("conv(64, 3x3, pad=1)", "[3, 32, 32]", "[64, 32, 32]"),
        ("conv(96, 11x11, stride=4)", "[3, 227, 227]", "[96, 55, 55]"),
        ("conv(8, [1, 7], pad=half, groups=2)", "[4, 9, 9]", "[8, 9, 9]"),
        ("conv(16, 5, pad=same)", "[1, 100]", "[16, 100]"),
        ('conv(3, 3x3, table=["XX.", ".XX"])', "[2, 8, 8]", "[3, 6, 6]"),
    )

    channels: Size = Field(description="output maps")
    window: Window = Field(description="size of the window")
    stride: Window = Field(1, description="rows from one window to the next")
    pad: Pad = Field(0, description="rows of zeros around the input")
    dilation: Window = Field(1, description="rows from one tap of the window to the next")
    groups: Size = Field(1, description="parts that input and output maps are split into; each sees only its own")
    bias: Flag = Field(True, description="whether each output map has a bias")
    table: Table | None = Field(None, description="which input maps feed which output maps")
    standardize: Flag = Field(False, description="whether weights are brought to mean 0 and variance 1 for each map")
    round: Rounding = Field("floor", description="what to do with rows that no window fits")
    parametrization: Parametrization | None = Field(None, description=LEARNED_AS)

    def on(self, x: TensorType) -> Filters:
        g = geometry(x, self.name, self.window, self.stride, self.pad, self.dilation, self.round)
        return Filters(g, x.channels, self.channels, self.groups, self.bias)

    def infer(self, *operands: TensorType) -> Types:
        results = super().infer(*operands)
        (x,) = operands
        check_groups(self.groups, x.channels, self.channels)
        ways = {"table": self.table, "standardize": self.standardize, "parametrization": self.parametrization}
        first, *others = (*(name for name, value in ways.items() if value), "")
        if len(others) > 1:
            raise Misfit(f"`{first}` and `{others[0]}` exclude each other", attribute=first)
        if self.table is not None:
            self._check_table(self.table, x)
        if self.standardize and prod(self.weight(x)[1:]) == 1:
            raise Misfit(
                "`standardize` needs more than one weight for each output map",
                attribute="standardize",
                label="the variance of a single weight is 0",
            )
        return results

    def _check_table(self, table: tuple[str, ...], x: TensorType) -> None:
        if self.groups != 1:
            raise Misfit("`table` and `groups` exclude each other", attribute="table")
        if len(table) != x.channels:
            raise Misfit(
                f"`table` has {counted(len(table), 'row')} for {counted(x.channels, 'input map')}",
                attribute="table",
                help="it takes one string for each input map, one character for each output map",
            )
        for number, row in enumerate(table):
            if len(row) != self.channels:
                raise Misfit(
                    f"row {number} of `table` has {len(row)} characters for {self.channels} output maps",
                    attribute="table",
                )
            if set(row) - set("X. "):
                raise Misfit(f"row {number} of `table` may hold only `X`, `.` and blanks", attribute="table")
        for column in range(self.channels):
            if not any(row[column] == "X" for row in table):
                raise Misfit(f"output map {column} is joined to no input map", attribute="table")

    def weight(self, x: TensorType) -> Shape:
        dense = super().weight(x)
        return dense if self.table is None else (sum(row.count("X") for row in self.table), *dense[2:])

    def fan_in(self, *operands: TensorType) -> Shape:
        """Output maps of a table read unlike numbers of input maps, so there is no one product."""
        return super().fan_in(*operands) if self.table is None else ()

    def multiply_adds(self, operands: Types, results: Types) -> tuple[MultiplyAdds, ...]:
        """With a table those of each pair of maps that it joins."""
        if self.table is None:
            return super().multiply_adds(operands, results)
        pairs, *window = self.weight(operands[0])
        return (MultiplyAdds(tuple(window), (pairs, *results[0].sizes)),)

    def state(self, *operands: TensorType) -> tuple[State, ...]:
        (x,) = operands
        own = super().state(x)
        if self.table is None:
            return own
        return *own, State("joined", (*super().weight(x)[:2], *[1] * self.filters(x).rank), "bool", "constant")

    def made_weight(self, x: TensorType) -> tuple[Extra, ...]:
        if self.table is not None:
            return (Extra("dense weight", super().weight(x), x.dtype, batched=False),)
        if self.standardize:
            return (Extra("standardized weight", self.weight(x), x.dtype, batched=False),)
        return super().made_weight(x)

    def way_back(self, x: TensorType) -> tuple[Extra, ...]:
        if not self.standardize:
            return super().way_back(x)
        names = ("weight mean", "weight 1/std")
        return tuple(Extra(name, (self.channels,), batched=False, readers=("weight",)) for name in names)

    def preparation(self, operands: Types) -> tuple[tuple[Extra, ...], ...]:
        """Weights are standardized before the map is padded."""
        (x,) = operands
        return ((*self.made_weight(x), *self.way_back(x)),) if self.standardize else super().preparation(operands)

    def pytorch(self, *operands: TensorType) -> Lowering:
        (x,) = operands
        args, keywords = self.arguments(x)
        rank = self.filters(x).rank
        if self.table is not None:
            table = tuple(row.replace(" ", ".") for row in self.table)
            return helper_call(_table_conv(rank), args, (("table", table), *keywords))
        if self.standardize:
            return helper_call(_standardized_conv(rank), args, keywords)
        return super().pytorch(x)

    def summary(self) -> str:
        groups = f", groups={self.groups}" if self.groups != 1 else ""
        return f"conv {show_window(self.window)}, {self.channels}{show_stride(self.stride)}{groups}"


def _table_conv(rank: int) -> Helper:
    return Helper(
        f"TableConv{rank}d",
        f'''
class TableConv{rank}d(nn.Conv{rank}d):
    """A convolution in which only the pairs of maps that a table joins have weights.

    The table has a string for each input map and a character for each output map, X where they are joined.
    """

    joined: Tensor

    def __init__(self, *args: Any, table: tuple[str, ...], pads: tuple[int, ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pads = pads
        joined = [[row[o] == "X" for row in table] for o in range(self.out_channels)]
        mask = torch.tensor(joined).view(*self.weight.shape[:2]{", 1" * rank})
        self.register_buffer("joined", mask, persistent=False)
        pairs = sum(map(sum, joined))
        self.weight = nn.Parameter(self.weight.detach().flatten(0, 1)[:pairs].clone())

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight.new_zeros(*self.joined.shape[:2], *self.kernel_size)
        weight.masked_scatter_(self.joined, self.weight)
        x = F.pad(x, self.pads) if self.pads else x
        return F.conv{rank}d(x, weight, self.bias, self.stride, self.padding, self.dilation)
''',
        ("Any", "Tensor", "torch", "nn", "F"),
    )


def _standardized_conv(rank: int) -> Helper:
    return Helper(
        f"StandardizedConv{rank}d",
        f'''
class StandardizedConv{rank}d(nn.Conv{rank}d):
    """A convolution whose weights have mean 0 and variance 1 for each output map (Qiao et al. 2019)."""

    def __init__(self, *args: Any, pads: tuple[int, ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pads = pads

    def forward(self, x: Tensor) -> Tensor:
        rows = self.weight.view(1, self.out_channels, -1)
        weight = F.batch_norm(rows, None, None, training=True, momentum=0.0, eps=1e-8).view_as(self.weight)
        x = F.pad(x, self.pads) if self.pads else x
        return F.conv{rank}d(x, weight, self.bias, self.stride, self.padding, self.dilation, self.groups)
''',
        ("Any", "Tensor", "nn", "F"),
    )
