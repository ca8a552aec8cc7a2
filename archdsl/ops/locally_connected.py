"""`locally_connected`: a convolution that shares no weights."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import ClassVar, Self

from archdsl.ir import (
    Autocast,
    Derivative,
    Examples,
    Extra,
    Gradient,
    Helper,
    Incoming,
    Lowering,
    Module,
    Op,
    Reach,
    Saved,
    Shape,
    State,
    TensorType,
    Types,
    Value,
)
from archdsl.ir.op.attrs import Field, Flag, Pad, Size, Window
from archdsl.ir.strides import contiguous
from archdsl.ops.families.calls import helper_call, keywords
from archdsl.ops.families.checks import check_weights_fit
from archdsl.ops.families.derivatives import unfolded
from archdsl.ops.families.padding import padded, pads
from archdsl.ops.families.primitives import Learned, Primitive, Program
from archdsl.ops.families.windows import Geometry, geometry, output_sizes, show_stride, show_window, spell_out
from archdsl.ops.pad import zeros_around


class LocallyConnected(Op):
    """A convolution in which every position has weights of its own.

    DeepFace (Taigman et al. 2014) uses three on aligned faces, where no two places look alike. In PyTorch it is one
    matrix product for each position, over a copy of the input in which overlapping windows are written out.
    """

    name = "locally_connected"
    category = "conv"
    autocast = "lower"
    positional = 3
    is_weight_layer = True
    is_forgotten_exactly = False
    examples: ClassVar[Examples] = (
        ("locally_connected(16, 9x9)", "[16, 63, 63]", "[16, 55, 55]"),
        ("locally_connected(4, 3, stride=2, pad=half, bias=false)", "[2, 9]", "[4, 5]"),
    )

    channels: Size = Field(description="output maps")
    window: Window = Field(description="size of the window")
    stride: Window = Field(1, description="rows from one window to the next")
    pad: Pad = Field(0, description="rows of zeros around the input")
    bias: Flag = Field(True, description="whether each output unit has a bias")

    def geometry(self, x: TensorType) -> Geometry:
        return geometry(x, self.name, self.window, self.stride, self.pad)

    def resolve(self, *operands: TensorType) -> Self:
        return spell_out(self, self.geometry(operands[0]))

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        check_weights_fit(self.name, x)
        return (x.with_shape((self.channels, *output_sizes(self.geometry(x), x))),)

    def state(self, *operands: TensorType) -> tuple[State, ...]:
        (x,) = operands
        (y,) = self.infer(x)
        positions, window = prod(y.sizes), prod(self.geometry(x).window)
        weight = State("weight", (positions, self.channels, x.channels, window))
        return (weight, State("bias", y.shape)) if self.bias else (weight,)

    def connections(self, operands: Types, results: Types) -> int:
        return self.macs(operands, results) + self.bias * results[0].numel

    def fan_in(self, *operands: TensorType) -> Shape:
        return (*self.geometry(operands[0]).window, operands[0].channels)

    def reach(self, *operands: TensorType) -> Reach:
        return self.geometry(operands[0]).steps

    def _patches(self, operands: Types, results: Types) -> int:
        return prod(results[0].sizes) * prod(self.fan_in(*operands))

    @property
    def is_composed(self) -> bool:
        return True

    def saved(self, operands: Types, results: Types) -> Saved:
        shape = (self._patches(operands, results),)
        return Saved(extra=(Extra("patches", shape, operands[0].dtype, readers=("weight",)),))

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        """The most of three moments: patches being copied, multiplied, and the products being put in order."""
        (x,), (y,) = operands, results
        g = self.geometry(x)
        patches = self._patches(operands, results)
        padded_input = padded(x, g.pad).numel if any(map(any, g.pad)) else 0
        return (Extra("patches", (max(padded_input + patches - y.numel, patches, y.numel),), x.dtype),)

    def training_scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        """The padded input while patches are copied, or the products while they are put in order."""
        (x,), (y,) = operands, results
        g = self.geometry(x)
        beyond_result = padded(x, g.pad).numel - y.numel if any(map(any, g.pad)) else 0
        return (Extra("products", (max(beyond_result, y.numel),), x.dtype),)

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        """Of the products, the windows, the padding, and last the bias and the weight, which were transposed."""
        (x,), (y,) = operands, results
        g = self.geometry(x)
        positions, window = prod(y.sizes), prod(self.fan_in(x))
        padded_input = padded(x, g.pad)
        is_padded = padded_input.shape != x.shape
        rows = TensorType((positions, self.channels, window), x.dtype, batched=False)
        columns = TensorType((positions, self.channels), x.dtype, batched=False)
        patches = Gradient("patches", x.with_shape((positions, window)))
        added = Gradient("added", columns, "view" if incoming.is_single else "made")
        return (
            Derivative((patches, added, Gradient("factor", rows))),
            *unfolded(padded_input, y.sizes, g.window, "patches", "padded" if is_padded else "x0"),
            *((Derivative((Gradient("x0", x.with_shape(x.shape)),), ("padded",)),) if is_padded else ()),
            *(Derivative((Gradient(name, type, "view"),), (taken,)) for name, taken, type in self._transposed(x, y)),
        )

    def _transposed(self, x: TensorType, y: TensorType) -> Iterator[tuple[str, str, TensorType]]:
        """The gradients of the parameters, which are transposed, as they lie when they arrive."""
        weight, *bias = self.state(x)
        positions, maps, channels, window = weight.shape
        if bias:
            strides = (1, *(s * maps for s in contiguous(y.sizes)))
            yield "bias", "added", TensorType(y.shape, x.dtype, False, strides)
        strides = (channels * window * maps, 1, window * maps, maps)
        yield "weight", "factor", TensorType((positions, maps, channels, window), x.dtype, False, strides)

    def gives_view(self, *operands: TensorType) -> bool:
        return True

    def program_under_autocast(self, operands: Types, *, is_single: bool) -> Module:
        """Patches are cast, and views of the parameters: anew each time, the bias last."""
        (x,) = operands
        (y,) = self.infer(x)
        g = self.geometry(x)
        program = Program(Value(x))
        (value,) = program.module.inputs
        shapes = [type for *_, type in reversed([*self._transposed(x, y)])]
        weight, *bias = (
            view
            for state, type in zip(self.state(x), shapes, strict=True)
            for view in program.run(_Transposed(type), *program.run(Learned(state, len(state.shape))))
        )
        if any(map(any, g.pad)):
            (value,) = program.run(zeros_around(g.pad), value)
        columns = x.with_shape((prod(y.sizes), prod(self.fan_in(x))))
        windows = Primitive("patches", (columns,), tuple(unfolded(value.type, y.sizes, g.window, "y0", "x0")))
        (patches,) = program.run(windows, value)
        (products,) = program.run(_Products(y, columns, shapes, is_single=is_single), *bias, patches, weight)
        in_order = Primitive("output", (y,), (Derivative((Gradient("x0", y, "view"),)),))
        program.module.outputs += program.run(in_order, products)
        return program.module

    def pytorch(self, *operands: TensorType) -> Lowering:
        (x,) = operands
        (y,) = self.infer(x)
        g = self.geometry(x)
        given = keywords(stride=(g.stride, (1,) * len(g.stride)), bias=(self.bias, True))
        if any(map(any, g.pad)):
            given = (*given, ("pads", pads(g.pad)))
        return helper_call(_LOCALLY_CONNECTED, (x.channels, self.channels, g.window, y.sizes), given)

    def summary(self) -> str:
        return f"locally_connected {show_window(self.window)}, {self.channels}{show_stride(self.stride)}"


class _Transposed(Primitive):
    """A view of a parameter."""

    def __init__(self, type: TensorType) -> None:
        super().__init__("transposed", (type,), (Derivative((Gradient("x0", type, "view"),)),), is_seen=True)


class _Products(Primitive):
    """Those of all positions: of what is added, the patches and the weight (`baddbmm`, `bmm`)."""

    category = "conv"
    autocast = "lower"

    def __init__(self, y: TensorType, patches: TensorType, transposed: list[TensorType], *, is_single: bool) -> None:
        """What it is.

        Args:
            transposed: how the gradients of the parameters lie, the weight's first.
        """
        weight, *bias = transposed
        factors = f"x{len(bias)}", f"x{len(bias) + 1}"
        added = (Gradient("x0", type, "view" if is_single else "made") for type in bias)
        gives = (Gradient(factors[0], patches), *added, Gradient(factors[1], weight))
        kept = Saved(for_some=tuple((len(bias) + i, (len(bias) + 1 - i,)) for i in range(2)))
        super().__init__("products", (y,), (Derivative(gives),), kept=kept)

    def autocast_on_cpu(self, *operands: TensorType) -> Autocast:
        return "lower inside"


_LOCALLY_CONNECTED = Helper(
    "LocallyConnected",
    '''
class LocallyConnected(nn.Module):
    """A convolution in which every position has weights of its own."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, ...],
        out_sizes: tuple[int, ...],
        stride: tuple[int, ...] | None = None,
        pads: tuple[int, ...] = (),
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.out_sizes = out_sizes
        self.stride = stride or (1,) * len(kernel_size)
        self.pads = pads
        fan_in = in_channels * math.prod(kernel_size)
        weight = torch.empty(math.prod(out_sizes), out_channels, in_channels, math.prod(kernel_size))
        self.weight = nn.Parameter(nn.init.uniform_(weight, -(fan_in**-0.5), fan_in**-0.5))
        self.bias = nn.Parameter(torch.zeros(out_channels, *out_sizes)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight.flatten(2).transpose(1, 2)
        if self.bias is None:
            y = torch.bmm(self.patches(x), weight)
        else:
            y = torch.baddbmm(self.bias.flatten(1).T.unsqueeze(1), self.patches(x), weight)
        y = y.permute(1, 2, 0).clone(memory_format=torch.contiguous_format)
        return y.view(*y.shape[:2], *self.out_sizes)

    def patches(self, x: Tensor) -> Tensor:
        """What each position reads: [positions, batch, channels * window]."""
        x = F.pad(x, self.pads) if self.pads else x
        for axis, (size, step) in enumerate(zip(self.kernel_size, self.stride, strict=True), start=2):
            x = x.unfold(axis, size, step)
        rank = len(self.kernel_size)
        x = x.permute(*range(2, 2 + rank), 0, 1, *range(2 + rank, 2 + 2 * rank))
        x = x.clone(memory_format=torch.contiguous_format)
        return x.view(math.prod(self.out_sizes), -1, self.weight[0, 0].numel())
''',
    ("Tensor", "math", "torch", "nn", "F"),
)
