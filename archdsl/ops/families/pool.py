"""What pools have in common, and what `maxpool` and `avgpool`."""

from __future__ import annotations

from typing import Any, Literal, Self

from archdsl.ir import (
    WHOLE,
    Autocast,
    Derivative,
    Incoming,
    Lowering,
    Misfit,
    Op,
    OpenSize,
    Reach,
    Shape,
    TensorType,
    Types,
    always_agree,
    is_open,
)
from archdsl.ops.families.calls import Keywords, call_and_function, compact, helper_call, keywords
from archdsl.ops.families.checks import check_float
from archdsl.ops.families.padding import floor_padding, is_symmetric, pads, same_pool
from archdsl.ops.families.windows import (
    Geometry,
    Padding,
    geometry,
    output_sizes,
    same_padding,
    show_stride,
    show_window,
    spell_out,
)
from archdsl.source import counted


class MapPool(Op):
    """Base of the pools: one number for each window of each map."""

    category = "pool"

    @property
    def is_one_kernel(self) -> bool:
        """Whether PyTorch pools volumes in one kernel, and not in one that it composes with others."""
        return True

    @property
    def keeps_sign(self) -> bool:
        return True

    def autocast_on_cpu(self, *operands: TensorType) -> Autocast:
        return "follows" if operands[0].rank < 4 else "inside" if self.is_one_kernel else "float32"

    def gives_view(self, *operands: TensorType) -> bool:
        return operands[0].rank == 2

    def gradient_type(self, x: TensorType, y: TensorType, incoming: TensorType) -> TensorType:
        return x.mapped(x.shape, keeping=(1, 2))

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        """Of rows as of a map that is one row high, whose gradient is then seen as rows."""
        (kernel,) = super().backward(operands, results, incoming)
        return (kernel._replace(gives=tuple(g._replace(how=self._how(operands[0])) for g in kernel.gives)),)

    def _how(self, x: TensorType) -> Literal["made", "reshaped"]:
        """How the gradient comes to be."""
        return "reshaped" if self.gives_view(x) else "made"

    def keeps_channels_last(self, x: TensorType) -> Shape:
        """The numbers of spatial axes for which maps with channels last stay so."""
        return (1, 2)


class Pool(MapPool):
    """Base of the pools whose windows slide."""

    def geometry(self, x: TensorType) -> Geometry:
        """The windows on this input. Raises `Misfit`."""
        raise NotImplementedError

    @property
    def is_global(self) -> bool:
        """Whether one window covers the whole input."""
        raise NotImplementedError

    def resolve(self, *operands: TensorType) -> Self:
        return self if self.is_global else spell_out(self, self.geometry(operands[0]))

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        check_float(self.name, x)
        g = self.geometry(x)
        sizes = output_sizes(g, x)
        for window, pair in zip(g.window, g.pad, strict=True):
            if any(rows > window // 2 for rows in pair):
                raise Misfit(
                    f"`pad` of a pool is at most half its window: {counted(max(pair), 'row')} against a window of {window}",
                    attribute="pad",
                    help="with more, a window could lie in the padding alone",
                )
        return (x.mapped((x.channels, *sizes), keeping=self.keeps_channels_last(x)),)

    def keeps_channels_last(self, x: TensorType) -> Shape:
        return (2,) if x.rank == 2 and self.needs_copy(x) else (1, 2)

    def is_cast_exactly(self, operands: Types, results: Types, *, is_lower: bool) -> bool:
        return not is_lower or not self.needs_copy(operands[0])

    def reach(self, *operands: TensorType) -> Reach:
        return WHOLE if self.is_global else self.geometry(operands[0]).steps

    def counts_values(self, operands: Types, results: Types) -> bool:
        return True

    def padding(self, x: TensorType) -> Padding:
        """Rows of padding with which the windows fit exactly or stop short."""
        return floor_padding(self.geometry(x), x)

    def needs_copy(self, x: TensorType) -> bool:
        """Whether PyTorch's own padding cannot say it, so that a padded copy of the input is made."""
        return not is_symmetric(self.said(x).pad)

    def said(self, x: TensorType) -> Geometry:
        """The windows as PyTorch can say them, if it can: `ceil_mode` stands for rows after the input that nothing reads."""
        g = self.geometry(x)
        return g if is_symmetric(g.pad) else self.rounding_up(x) or g

    def rounding_up(self, x: TensorType) -> Geometry | None:
        """The windows with `ceil_mode` and the same padding on both sides, if that can say them."""
        g = self.geometry(x)
        if self.is_global or self.reads_padding or any(before > after for before, after in g.pad):
            return None
        alike = g._replace(pad=tuple((before, before) for before, _ in g.pad), round="ceil")
        try:
            return alike if all(map(always_agree, output_sizes(alike, x), output_sizes(g, x))) else None
        except (Misfit, OpenSize):  # with less padding a window may not fit
            return None

    def lowering(self, name: str, x: TensorType, given: Keywords = ()) -> Lowering:
        """PyTorch's pool of a name. In general `ceil_mode` stands for rows after the input, whose number the sizes decide.

        Args:
            given: further arguments of pools with padding.
        """
        said, general = self.said(x), self.rounding_up(x)
        lowering = _called(name, said, pool_keywords(said) + given * any(map(any, said.pad)))
        if general is None or set(general.extents) == {1}:
            return lowering
        return lowering._replace(general=_called(name, general, pool_keywords(general, is_padded=True) + given))

    def padded_as_open(self, name: str, x: TensorType) -> Lowering | None:
        """A pool that works `pad=same` out, where the size is open that decides it; None where none does. Raises `OpenSize` for
        other padding that sizes decide."""
        g = self.geometry(x)
        if not is_open(pads(g.pad)):
            return None
        is_rounded = not self.reads_padding
        has_odd_rows = any(s == 1 and e % 2 == 0 for s, e in zip(g.stride, g.extents, strict=True))
        if g.pad != same_padding(x.sizes, g.stride, g.extents) or (is_rounded and has_odd_rows):
            raise OpenSize("the padding of a pool")
        given = (("stride", g.stride), *((("dilation", g.dilation),) if name == "Max" else ()))
        return helper_call(same_pool(name, len(g.window), is_rounded=is_rounded), (g.window,), given)

    @property
    def reads_padding(self) -> bool:
        """Whether a row of padding makes a difference to the window that has it."""
        raise NotImplementedError


def pool_geometry(x: TensorType, op: str, window: Any, stride: Any, pad: Any, dilation: Any, round: str) -> Geometry:
    """The windows of a pool: the stride is the window unless given, and `global` is one window of the input's sizes."""
    if window != "global":
        return geometry(x, op, window, window if stride is None else stride, pad, dilation, round)
    g = geometry(x, op, x.sizes or 1, x.sizes or 1, pad)
    if any(map(any, g.pad)):
        raise Misfit(
            "`window=global` reads the whole input and takes no padding", attribute="pad", help="write `pad=0` here"
        )
    return g


def _called(name: str, g: Geometry, given: Keywords) -> Lowering:
    rank = len(g.window)
    return call_and_function(f"{name}Pool{rank}d", f"{name.lower()}_pool{rank}d", (compact(g.window),), given)


def pool_keywords(g: Geometry, *, is_padded: bool = False) -> Keywords:
    """The arguments after the window that PyTorch's pools share. The stride is left out where it is the window.

    Args:
        is_padded: whether no padding is said too.
    """
    return keywords(
        stride=(compact(g.stride), compact(g.window)),
        padding=(compact(tuple(before for before, _ in g.pad)), None if is_padded else 0),
        dilation=(compact(g.dilation), 1),
        ceil_mode=(g.round == "ceil", False),
    )


def pool_summary(op: str, window: Any, stride: Any) -> str:
    """`maxpool 3x3 /2`: a pool's stride is shown where it is not the window."""
    return f"{op} {show_window(window)}{'' if stride in (None, window) else show_stride(stride) or ' /1'}"
