"""`subsample`: the pooling of LeNet."""

from __future__ import annotations

from math import prod
from typing import ClassVar, Self

from archdsl.ir import (
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
    State,
    TensorType,
    Types,
    Value,
)
from archdsl.ir.op.attrs import Field, Window
from archdsl.ops.add import Add
from archdsl.ops.families.calls import helper_call, keywords
from archdsl.ops.families.checks import check_weights_fit
from archdsl.ops.families.derivatives import unfolded
from archdsl.ops.families.pool import pool_summary
from archdsl.ops.families.primitives import Learned, Primitive, Program
from archdsl.ops.families.windows import Geometry, geometry, output_sizes, spell_out
from archdsl.ops.multiply import Multiply


class Subsample(Op):
    """The sum of each window of each map, times a weight, plus a bias: one weight and one bias for each map.

    LeCun et al. 1990 and 1998, where every output unit counts prod(window) + 1 connections. The stride is the window
    unless given.
    """

    name = "subsample"
    category = "pool"
    positional = 2
    examples: ClassVar[Examples] = (("subsample(2x2)", "[6, 28, 28]", "[6, 14, 14]"),)

    window: Window = Field(description="size of the window")
    stride: Window | None = Field(None, description="rows from one window to the next; the window unless given")

    def geometry(self, x: TensorType) -> Geometry:
        return geometry(x, self.name, self.window, self.window if self.stride is None else self.stride, 0)

    def resolve(self, *operands: TensorType) -> Self:
        return spell_out(self, self.geometry(operands[0]))

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        check_weights_fit(self.name, x)
        return (x.with_shape((x.channels, *output_sizes(self.geometry(x), x))),)

    def state(self, *operands: TensorType) -> tuple[State, ...]:
        maps = (operands[0].channels,)
        return State("weight", maps), State("bias", maps)

    def connections(self, operands: Types, results: Types) -> int:
        return results[0].numel * (prod(self.geometry(operands[0]).window) + 1)

    def reach(self, *operands: TensorType) -> Reach:
        return self.geometry(operands[0]).steps

    def counts_values(self, operands: Types, results: Types) -> bool:
        return True

    @property
    def counts_neurons(self) -> bool:
        return True

    @property
    def is_composed(self) -> bool:
        return True

    def saved(self, operands: Types, results: Types) -> Saved:
        return Saved(extra=(self._sums(results)._replace(readers=("weight",)),))

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        return (self._sums(results),)

    def training_scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        return (self._sums(results)._replace(name="weighted sums"),)

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        """Of the bias and the product, of the sums and the weight, and of the windows, one axis after the other."""
        (x,), (y,) = operands, results
        weight, bias = self.parameter_gradients(operands)
        return (
            Derivative((bias, Gradient("product", y, "same"))),
            Derivative((Gradient("sums", y), weight._replace(whole=y)), ("product",), frees=("window sums",)),
            *unfolded(x, y.sizes, self.geometry(x).window, "sums", "x0"),
        )

    def _sums(self, results: Types) -> Extra:
        return Extra("window sums", results[0].shape, results[0].dtype)

    def program_under_autocast(self, operands: Types, *, is_single: bool) -> Module:
        """Weights are not cast, so products with them are float32; a GPU sums into float32 before."""
        (x,) = operands
        (y,) = self.infer(x)
        window = self.geometry(x).window
        windows = x.with_shape((x.channels, *y.sizes, *window))
        repeated = windows.with_strides(windows.shape, (*y.tensor_strides, *(0 for _ in window)))
        program = Program(Value(x))
        steps = (
            Primitive("windows", (windows,), tuple(unfolded(x, y.sizes, window, "y0", "x0")), is_seen=True),
            _Sum(y, repeated),
        )
        (result,) = program.module.inputs
        for step in steps:
            (result,) = program.run(step, result)
        for state, op in zip(self.state(x), (Multiply(), Add()), strict=True):
            (result,) = program.run(op, result, *program.run(Learned(state, y.rank)))
        program.module.outputs.append(result)
        return program.module

    def pytorch(self, *operands: TensorType) -> Lowering:
        (x,) = operands
        g = self.geometry(x)
        return helper_call(_SUBSAMPLE, (x.channels, g.window), keywords(stride=(g.stride, g.window)))

    def summary(self) -> str:
        return pool_summary(self.name, self.window, self.stride)


class _Sum(Primitive):
    """That of each window."""

    autocast = "raises"

    def __init__(self, y: TensorType, repeated: TensorType) -> None:
        super().__init__("window sums", (y,), (Derivative((Gradient("x0", repeated, "view"),)),))


_SUBSAMPLE = Helper(
    "Subsample",
    '''
class Subsample(nn.Module):
    """The sum of each window times a weight, plus a bias, for each map (LeCun et al. 1998)."""

    def __init__(self, channels: int, kernel_size: tuple[int, ...], stride: tuple[int, ...] | None = None) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride or kernel_size
        self.weight = nn.Parameter(torch.full((channels,), 1 / math.prod(kernel_size)))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        for axis, (size, step) in enumerate(zip(self.kernel_size, self.stride, strict=True), start=2):
            x = x.unfold(axis, size, step)
        rank = len(self.kernel_size)
        maps = (-1,) + (1,) * rank
        return x.sum(tuple(range(-rank, 0))) * self.weight.view(maps) + self.bias.view(maps)
''',
    ("Tensor", "math", "torch", "nn"),
)
