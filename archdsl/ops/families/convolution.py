"""What all convolutions with shared weights have in common."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import ClassVar, NamedTuple, Self

from archdsl.ir import (
    RESULT,
    Call,
    Derivative,
    Extra,
    Gradient,
    Incoming,
    Kernel,
    Literal,
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
    Wanted,
    at_example,
    is_open,
)
from archdsl.ir.strides import CHANNELS_LAST
from archdsl.ops.families.calls import Keywords, compact, helper_call, keywords
from archdsl.ops.families.checks import check_weights_fit
from archdsl.ops.families.made_weights import Making, OnMade
from archdsl.ops.families.padding import (
    floor_padding,
    is_symmetric,
    of_padded,
    padded_copy,
    padded_module,
    pads,
    same_conv,
)
from archdsl.ops.families.primitives import Program
from archdsl.ops.families.reparametrized import (
    check_parametrization,
    learned,
    made_weight,
    making,
    making_in_training,
    names_of_weight,
    of_made_weight,
    reparametrized,
    way_back,
    way_to_learned,
)
from archdsl.ops.families.windows import Geometry, Padding, output_sizes, same_padding, spell_out
from archdsl.ops.pad import zeros_around

ONE_DNN = 20_480
"""Up to so many elements oneDNN does not run a single sample with small windows."""


class Filters(NamedTuple):
    """A convolution on a given input: its windows and the maps that they join."""

    geometry: Geometry
    inputs: int
    outputs: int
    groups: int
    bias: bool

    @property
    def rank(self) -> int:
        return len(self.geometry.window)


class Convolution(Op):
    """Base of `conv` and `depthwise`: weights `[outputs, inputs / groups, window]`, the same at every place."""

    category = "conv"
    autocast = "lower"
    keeps_weights = True
    is_weight_layer = True

    matrix_axis: ClassVar[int] = 0
    """The axis of the weight whose rows are those of the matrix that `spectral_norm` divides by its norm."""

    __slots__ = ("_known",)
    """The last input that it was asked about, and the convolution on it: nearly all facts ask, and of one input."""

    @property
    def _parametrization(self) -> str | None:
        found: str | None = vars(self)["parametrization"]
        return found

    def filters(self, x: TensorType) -> Filters:
        """The convolution on this input. Raises `Misfit`."""
        known: tuple[TensorType, Filters] | None = getattr(self, "_known", None)
        if known is None or known[0] is not x:
            known = (x, self.on(x))
            object.__setattr__(self, "_known", known)
        return known[1]

    def on(self, x: TensorType) -> Filters:
        """The same, worked out. Raises `Misfit`."""
        raise NotImplementedError

    def weight(self, x: TensorType) -> Shape:
        k = self.filters(x)
        return (k.outputs, k.inputs // k.groups, *k.geometry.window)

    def resolve(self, *operands: TensorType) -> Self:
        return spell_out(self, self.filters(operands[0]).geometry)

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        check_weights_fit(self.name, x)
        k = self.filters(x)
        check_parametrization(self._parametrization, self.weight(x))
        return (self.mapped(x, (k.outputs, *output_sizes(k.geometry, x))),)

    def mapped(self, x: TensorType, shape: Shape) -> TensorType:
        """The result's type. On volumes 1x1x1 windows have a kernel that does not keep channels last, and so have most others
        for a single sample (`use_mkldnn` in ATen's `native/Convolution.cpp`)."""
        k = self.filters(x)
        window = k.geometry.window
        is_small = x.samples == 1 == k.groups and min(window[-2:]) <= 3 and prod(at_example(x.shape[:3])) <= ONE_DNN
        return x.mapped(shape, keeping=(2,) if is_small or prod(window) == 1 else (2, 3))

    def state(self, *operands: TensorType) -> tuple[State, ...]:
        (x,) = operands
        k = self.filters(x)
        weight = State("weight", self.weight(x))
        own = (weight, State("bias", (k.outputs,))) if k.bias else (weight,)
        return learned(self._parametrization, own, self.matrix_axis)

    def made_weight(self, x: TensorType) -> tuple[Extra, ...]:
        """The weights that the kernel runs on, where they are not the parameter itself."""
        return made_weight(self._parametrization, self.weight(x), x.dtype)

    def making_in_training(self, x: TensorType) -> tuple[Kernel, ...]:
        """How they are made in training."""
        return making_in_training(self._parametrization, self.weight(x), x.dtype, self.matrix_axis)

    def way_back(self, x: TensorType) -> tuple[Extra, ...]:
        """What is kept of making them."""
        return way_back(self._parametrization, self.weight(x), self.matrix_axis)

    def connections(self, operands: Types, results: Types) -> int:
        return self.macs(operands, results) + self.filters(operands[0]).bias * results[0].numel

    def fan_in(self, *operands: TensorType) -> Shape:
        k = self.filters(operands[0])
        return (*k.geometry.window, k.inputs // k.groups)

    def reach(self, *operands: TensorType) -> Reach:
        return self.filters(operands[0]).geometry.steps

    def parameter_gradients(self, operands: Types) -> tuple[Gradient, ...]:
        """oneDNN makes the gradient of the weights for that of the bias too (`mkldnn_convolution_backward` in ATen's
        `native/mkldnn/Conv.cpp`). Of maps whose channels are stored last, so are those of the weights' gradient, which the
        parameter then copies."""
        (x,) = operands
        found = super().parameter_gradients(operands)
        found = tuple(g._replace(along=("weight",)) if g.of == "bias" else g for g in found)
        if self.made_weight(x) or not self._has_channels_last(x):
            return found
        weight, *bias = found
        shape = weight.type.shape
        return (weight._replace(type=weight.type.in_order(shape, CHANNELS_LAST[len(shape)])), *bias)

    def _has_channels_last(self, x: TensorType) -> bool:
        return self.mapped(x, x.shape).strides is not None

    def padding(self, x: TensorType) -> Padding:
        """Rows of padding in PyTorch, whose convolutions round down."""
        return floor_padding(self.filters(x).geometry, x)

    def with_scale_and_shift(self, *operands: TensorType) -> Self | None:
        """A made weight is not the state's own, which could take the factors."""
        return None if self.made_weight(operands[0]) else self.replace(bias=True)

    def saved(self, operands: Types, results: Types) -> Saved:
        (x,) = operands
        padded = self._padded(x)
        made = (*padded, *self.made_weight(x), *self.way_back(x))
        return Saved(() if padded else (0,), extra=made)

    def is_cast_exactly(self, operands: Types, results: Types, *, is_lower: bool) -> bool:
        """Not of weights that are made: they are cast, and not what they are made of."""
        return super().is_cast_exactly(operands, results, is_lower=is_lower) and not self.made_weight(operands[0])

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        (x,) = operands
        order = CHANNELS_LAST[x.rank + 1] if self._has_channels_last(x) else None
        of_kernel = self.of_kernel(operands, results, incoming)
        found = of_made_weight(of_kernel, self.made_weight(x), self.way_back(x), order)
        is_sure = not incoming.is_single and self.is_of_one_dnn(x)
        return tuple(derivative._replace(is_sure=is_sure) for derivative in found)

    def is_of_one_dnn(self, x: TensorType) -> bool:
        """Whether oneDNN runs it with several samples on any number of threads (`use_mkldnn` in ATen's
        `native/Convolution.cpp`): with one thread, PyTorch multiplies small batches of single pixels itself."""
        g = self.filters(x).geometry
        return any(n > 1 for n in (*g.window, *g.stride))

    def gradient_type(self, x: TensorType, y: TensorType, incoming: TensorType) -> TensorType:
        return self.mapped(x, x.shape)

    def of_kernel(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        """The derivatives of the convolution alone."""
        (x,) = operands
        padding = self.padding(x)
        if is_symmetric(padding):
            return super().backward(operands, results, incoming)
        return of_padded(x, padding, self.parameter_gradients(operands))

    def kernels(self, operands: Types, results: Types, wanted: Wanted) -> tuple[Kernel, ...]:
        """Of weights over their largest singular value, and of frozen ones that are made; the map is padded before."""
        kind = self._parametrization
        if kind is None or (kind == "weight_norm" and not wanted.gradients.isdisjoint(names_of_weight(kind))):
            return ()
        (x,) = operands
        return Kernel(self._padded(x)), *self.making_in_training(x), Kernel((Extra(RESULT, ()),))

    def making(self, x: TensorType) -> Making | None:
        """How its weight is made before it runs, as a step of its own; None where that is the parameter itself."""
        if not self.made_weight(x):
            return None
        (made,), kept = self.made_weight(x), self.way_back(x)
        learned = tuple(state for state in self.state(x) if state.name != "bias")
        derivatives = way_to_learned(self.parameter_gradients((x,)), made, kept)
        return Making(made, learned, kept, self.making_in_training(x), derivatives)

    def program_under_autocast(self, operands: Types, *, is_single: bool) -> Module | None:
        """What is padded or made is cast then. Made weights on maps whose channels are stored last are not followed."""
        (x,) = operands
        made, is_padded = self.making(x), bool(self._padded(x))
        if self._has_channels_last(x) if made else not is_padded:
            return None
        given = Value(x)
        program = Program(given)
        weights = program.run(made) if made and self._parametrization is None else ()
        if is_padded:
            (given,) = program.run(zeros_around(self.padding(x)), given)
        if made and not weights:
            weights = program.run(made)
        program.module.outputs += program.run(self._given(x, given.type, weights, is_single), given, *weights)
        return program.module

    def _given(self, x: TensorType, padded: TensorType, weights: Sequence[Value], is_single: bool) -> Op:
        """The convolution alone, on what is padded and weights that are made."""
        if not weights:
            g = self.filters(x).geometry
            return spell_out(self, g._replace(pad=((0, 0),) * len(g.pad), round="floor"))
        bias = tuple(state for state in self.state(x) if state.name == "bias")
        is_sure = not is_single and self.is_of_one_dnn(x)
        return OnMade(self.infer(x), bias, self.mapped(padded, padded.shape), weights[0].type, is_sure=is_sure)

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        (x,) = operands
        return (*self._padded(x), *self.made_weight(x))

    def _padded(self, x: TensorType) -> tuple[Extra, ...]:
        """The padded input, where that is a copy."""
        padding = self.padding(x)
        return () if is_symmetric(padding) else (padded_copy(x, padding),)

    def preparation(self, operands: Types) -> tuple[tuple[Extra, ...], ...]:
        """The map is padded before a weight is divided by its norm."""
        (x,) = operands
        steps = making(self._parametrization, self.weight(x), x.dtype, self.matrix_axis)
        return tuple((*self._padded(x), *made) for made in steps)

    def pytorch(self, *operands: TensorType) -> Lowering:
        return reparametrized(self._parametrization, self.lowered(operands[0]))

    def lowered(self, x: TensorType) -> Lowering:
        """What it becomes with a weight that is learned as it is."""
        args, keywords = self.arguments(x)
        g = self.filters(x).geometry
        rank = len(g.window)
        same = same_conv(rank) if self.padding(x) == same_padding(x.sizes, g.stride, g.extents) else None
        unpadded = tuple(k for k in keywords if k[0] not in ("padding", "pads"))
        general = None if same is None else helper_call(same, args, unpadded)
        if is_symmetric(self.padding(x)):
            return Lowering(Call(f"nn.Conv{rank}d", args, keywords), general=general)
        if general is not None and is_open(pads(self.padding(x))):
            return general
        padded = helper_call(padded_module(f"Conv{rank}d", "A convolution"), args, keywords)
        return padded._replace(general=general)

    def arguments(self, x: TensorType) -> tuple[tuple[Literal, ...], Keywords]:
        """The arguments of `nn.Conv2d`; unlike paddings before and after are given as `pads`, those of `F.pad`."""
        k = self.filters(x)
        g = k.geometry
        padding = self.padding(x)
        symmetric = is_symmetric(padding)
        return (k.inputs, k.outputs, compact(g.window)), keywords(
            stride=(compact(g.stride), 1),
            pads=(() if symmetric else pads(padding), ()),
            padding=(compact(tuple(before for before, _ in padding)) if symmetric else 0, 0),
            dilation=(compact(g.dilation), 1),
            groups=(k.groups, 1),
            bias=(k.bias, True),
        )
