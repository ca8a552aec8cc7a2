"""`conv_transpose`: transposed convolution over one, two or three spatial axes."""

from __future__ import annotations

from typing import ClassVar, NamedTuple, Self

from archdsl.ir import (
    RESULT,
    SPATIAL_AXES,
    WHOLE,
    Axes,
    Call,
    Derivative,
    Examples,
    Extra,
    Gradient,
    Helper,
    Incoming,
    Kernel,
    Lowering,
    Misfit,
    Module,
    MultiplyAdds,
    Reach,
    Shape,
    TensorType,
    Types,
    Wanted,
)
from archdsl.ir.op.attrs import Counts, Field, Flag, Pad, Parametrization, Size, Window
from archdsl.ops.families.calls import Keywords, compact, helper_call, keywords
from archdsl.ops.families.checks import check_groups, check_weights_fit
from archdsl.ops.families.convolution import Convolution, Filters
from archdsl.ops.families.padding import padded_sizes, pads
from archdsl.ops.families.reparametrized import LEARNED_AS, check_parametrization
from archdsl.ops.families.windows import LARGEST_PERIOD, geometry, per_axis, show_window, transposed_rows


class ConvTranspose(Convolution):
    """Transposed convolution: every input place writes a window into every output map of its group; what overlaps adds up.

    It goes backwards through the sizes of a convolution: (n - 1) * stride - before - after + extent + output_pad rows
    come out, so the padding is what is cut off. `pad=same` gives n * stride. A window that the stride does not divide
    writes unlike numbers of times to neighbouring places: the checkerboard of Odena et al. 2016.
    """

    name = "conv_transpose"
    positional = 3
    matrix_axis = 1
    examples: ClassVar[Examples] = (
        ("conv_transpose(64, 2x2, stride=2)", "[128, 28, 28]", "[64, 56, 56]"),
        ("conv_transpose(64, 4x4, stride=2, pad=1)", "[128, 28, 28]", "[64, 56, 56]"),
        ("conv_transpose(64, 3x3, stride=2, pad=1, output_pad=1)", "[128, 28, 28]", "[64, 56, 56]"),
        ("conv_transpose(16, 3, 2, pad=same)", "[8, 50]", "[16, 100]"),
    )

    channels: Size = Field(description="output maps")
    window: Window = Field(description="size of the window")
    stride: Window = Field(1, description="output rows from one window to the next")
    pad: Pad = Field(0, description="rows cut off around the output")
    output_pad: Counts = Field(0, description="further rows at the end of each axis")
    dilation: Window = Field(1, description="output rows from one tap of the window to the next")
    groups: Size = Field(1, description="parts that input and output maps are split into; each sees only its own")
    bias: Flag = Field(True, description="whether each output map has a bias")
    parametrization: Parametrization | None = Field(None, description=LEARNED_AS)

    def on(self, x: TensorType) -> Filters:
        pad = 0 if self.pad == "same" else self.pad
        g = geometry(x, self.name, self.window, self.stride, pad, self.dilation)
        if self.pad == "same":
            g = g._replace(pad=tuple(_same(e, s) for e, s in zip(g.extents, g.stride, strict=True)))
        return Filters(g, x.channels, self.channels, self.groups, self.bias)

    def resolve(self, *operands: TensorType) -> Self:
        return super().resolve(*operands).replace(output_pad=self._output_pads(operands[0]))

    def _output_pads(self, x: TensorType) -> Shape:
        """Rows that are added at the end of each axis, so that `same` has its size where the stride exceeds the extent."""
        g = self.filters(x).geometry
        gaps = (max(s - e, 0) if self.pad == "same" else 0 for e, s in zip(g.extents, g.stride, strict=True))
        return tuple(map(sum, zip(per_axis(self.output_pad, len(g.window), "output_pad"), gaps, strict=True)))

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        check_weights_fit(self.name, x)
        g = self.filters(x).geometry
        check_groups(self.groups, x.channels, self.channels)
        check_parametrization(self.parametrization, self.weight(x))
        sizes = []
        axes = zip(
            SPATIAL_AXES[len(g.window)],
            x.sizes,
            g.extents,
            g.stride,
            g.dilation,
            self._output_pads(x),
            g.pad,
            strict=True,
        )
        for name, n, e, s, d, extra, (before, after) in axes:
            if extra >= max(s, d):
                raise Misfit(
                    f"`output_pad` of {extra} leaves rows at the end that no window writes to on the {name} axis",
                    attribute="output_pad",
                    label=f"it is less than the stride {s} or the dilation {d}",
                )
            size = (n - 1) * s - before - after + e + extra
            if size < 1:
                raise Misfit(
                    f"`pad` cuts off all rows of the {name} axis",
                    attribute="pad",
                    label=f"({n} - 1) * {s} - {before + after} + {e}{f' + {extra}' if extra else ''} = {size}",
                )
            sizes.append(size)
        return (self.mapped(x, (self.channels, *sizes)),)

    def weight(self, x: TensorType) -> Shape:
        return (x.channels, self.channels // self.groups, *self.filters(x).geometry.window)

    @property
    def transposed_groups(self) -> int:
        return self.groups

    def multiply_adds(self, operands: Types, results: Types) -> tuple[MultiplyAdds, ...]:
        (x,) = operands
        _, channels, *window = self.weight(x)
        return (MultiplyAdds((*window, channels), x.shape),)

    def reach(self, *operands: TensorType) -> Reach:
        g = self.filters(operands[0]).geometry
        axes = enumerate(zip(g.window, g.stride, g.dilation, g.pad, strict=True), 1)
        return Axes((WHOLE, *(transposed_rows(a, k, s, d, before) for a, (k, s, d, (before, _)) in axes)))

    def reads_less(self, *operands: TensorType) -> bool:
        return max(self.filters(operands[0]).geometry.stride) > LARGEST_PERIOD

    def _cutting(self, x: TensorType) -> tuple[Cutting, ...]:
        """How PyTorch comes to the rows of each axis."""
        g = self.filters(x).geometry
        axes = zip(g.pad, self._output_pads(x), map(max, g.stride, g.dilation), strict=True)
        return tuple(_cutting(before, after, extra, limit) for (before, after), extra, limit in axes)

    def _uncut(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        (x,), (y,) = operands, results
        cuts = [c.cut for c in self._cutting(x)]
        if not any(map(any, cuts)):
            return ()
        return (Extra("uncut output", (y.channels, *padded_sizes(y.sizes, tuple(cuts))), y.dtype),)

    def unknown_bytes(self, operands: Types, results: Types) -> str:
        """Without oneDNN, PyTorch makes the result of a volume in a storage of the operand's size, if that is larger."""
        (x,), (y,) = operands, results
        if x.rank < 4 or y.numel >= x.numel:
            return ""
        return "a CPU may keep a small result of a transposed convolution in a storage of its input's size"

    def _padded(self, x: TensorType) -> tuple[Extra, ...]:
        """Nothing: its padding is cut off the result."""
        return ()

    def is_of_one_dnn(self, x: TensorType) -> bool:
        """Which makes no more rows at the end than a stride has."""
        stride = self.filters(x).geometry.stride
        return super().is_of_one_dnn(x) and all(
            c.output_padding < n for c, n in zip(self._cutting(x), stride, strict=True)
        )

    def of_kernel(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        uncut = self._uncut(operands, results)
        gives = (*self.laid_out(operands, results, incoming), *self.parameter_gradients(operands))
        if not uncut:
            return (Derivative(gives),)
        padded_back = Gradient("uncut", results[0].with_shape(uncut[0].shape))
        return Derivative((padded_back,)), Derivative(gives, ("uncut",), frees=("x0",))

    def program_under_autocast(self, operands: Types, *, is_single: bool) -> Module | None:
        """Results that are cut are not followed."""
        is_cut = bool(self._uncut(operands, self.infer(*operands)))
        return None if is_cut else super().program_under_autocast(operands, is_single=is_single)

    def preparation(self, operands: Types) -> tuple[tuple[Extra, ...], ...]:
        """A made weight is gone when the result is cut."""
        (x,) = operands
        before = super().preparation(operands)
        uncut = self._uncut(operands, self.infer(x))
        return (*before, (*uncut, *self.made_weight(x))) if uncut else before

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        return self._uncut(operands, results) or super().scratch(operands, results)

    def kernels(self, operands: Types, results: Types, wanted: Wanted) -> tuple[Kernel, ...]:
        """A made weight is gone when the result is cut, unless backward needs it."""
        (x,) = operands
        uncut, made = self._uncut(operands, results), self.made_weight(x)
        if not uncut or not made:
            return super().kernels(operands, results, wanted)
        cut = Kernel(uncut, tuple(extra.name for extra in made))
        return *self.making_in_training(x), cut, Kernel((Extra(RESULT, ()),))

    def arguments(self, x: TensorType) -> tuple[tuple[int, ...], Keywords]:
        k = self.filters(x)
        g, cutting = k.geometry, self._cutting(x)
        return (k.inputs, k.outputs, compact(g.window)), keywords(
            stride=(compact(g.stride), 1),
            padding=(compact(tuple(c.padding for c in cutting)), 0),
            output_padding=(compact(tuple(c.output_padding for c in cutting)), 0),
            dilation=(compact(g.dilation), 1),
            groups=(k.groups, 1),
            bias=(k.bias, True),
        )

    def lowered(self, x: TensorType) -> Lowering:
        args, given = self.arguments(x)
        rank = self.filters(x).rank
        cuts = tuple(c.cut for c in self._cutting(x))
        if not any(map(any, cuts)):
            return Lowering(Call(f"nn.ConvTranspose{rank}d", args, given))
        return helper_call(_cut(rank), args, (("cuts", pads(cuts)), *given))

    def summary(self) -> str:
        strides = {*self.stride} if isinstance(self.stride, tuple) else {self.stride}
        by = "" if strides == {1} else f" *{show_window(self.stride if len(strides) > 1 else strides.pop())}"
        groups = f", groups={self.groups}" if self.groups != 1 else ""
        return f"conv_transpose {show_window(self.window)}, {self.channels}{by}{groups}"


class Cutting(NamedTuple):
    """One axis: rows that PyTorch cuts off on both sides, rows that it adds at the end, rows to cut off then."""

    padding: int
    output_padding: int
    cut: tuple[int, int] = (0, 0)


def _cutting(before: int, after: int, extra: int, limit: int) -> Cutting:
    """How to cut `before` and `after` rows off and add `extra`; PyTorch adds fewer than `limit`."""
    if 0 <= before - after + extra < limit:
        return Cutting(before, before - after + extra)
    alike = min(before, after)
    return Cutting(alike, extra, (before - alike, after - alike))


def _same(extent: int, stride: int) -> tuple[int, int]:
    total = max(extent - stride, 0)
    return total // 2, total - total // 2


def _cut(rank: int) -> Helper:
    name = f"CutConvTranspose{rank}d"
    return Helper(
        name,
        f'''
class {name}(nn.ConvTranspose{rank}d):
    """A transposed convolution whose output is cut off differently before and after an axis."""

    def __init__(self, *args: Any, cuts: tuple[int, ...], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cuts = tuple(-rows for rows in cuts)

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(super().forward(x), self.cuts)
''',
        ("Any", "Tensor", "nn", "F"),
    )
