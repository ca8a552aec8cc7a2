"""`pad`: rows around a map."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import (
    SPATIAL_AXES,
    Autocast,
    Axes,
    Border,
    Call,
    Derivative,
    Examples,
    Expression,
    Gradient,
    Incoming,
    Lowering,
    Misfit,
    Op,
    Reach,
    Rows,
    Saved,
    TensorType,
    Types,
)
from archdsl.ir.op.attrs import Amount, Axis, Field, Number, PadMode, Pair
from archdsl.ops.families.calls import Keywords, function
from archdsl.ops.families.checks import check_axis
from archdsl.ops.families.padding import padded_sizes, pads
from archdsl.ops.families.windows import Padding, amounts, show_amount, spatial_rank
from archdsl.source import counted

MODULES = {"reflect": "ReflectionPad", "replicate": "ReplicationPad", "circular": "CircularPad"}


class Pad(Op):
    """Rows around the spatial axes, and with `channels` maps before and after: zeros, another value, or the map's own rows.

    `pad(0, channels=[0, 16])` is the shortcut without parameters of He et al. 2016. `reflect` mirrors at the outermost
    row, `replicate` repeats it, `circular` goes on at the other side. With `axis` one axis alone gets zeros, and the amount is
    a number or before and after: the way for maps with their channels last, and for sequences.
    """

    name = "pad"
    category = "reshape"
    positional = 1
    scalars = ("value",)
    examples: ClassVar[Examples] = (
        ("pad(1)", "[3, 32, 32]", "[3, 34, 34]"),
        ("pad([[0, 1], [0, 1]])", "[32, 55, 55]", "[32, 56, 56]"),
        ("pad(0, channels=[0, 16])", "[16, 16, 16]", "[32, 16, 16]"),
        ("pad(3, mode=reflect)", "[3, 256, 256]", "[3, 262, 262]"),
        ("pad([0, 3], axis=0)", "[53, 53, 96]", "[56, 53, 96]"),
    )

    amount: Amount = Field(description="rows around each spatial axis, as in a window's `pad`")
    channels: Pair = Field((0, 0), description="maps before and after")
    axis: Axis | None = Field(None, description="the one axis that is padded")
    mode: PadMode = Field("zeros", description="what the rows hold")
    value: Number = Field(0, description="with `mode=zeros`: another value than zero")

    def _padding(self, x: TensorType) -> Padding:
        """Rows before and after each axis. Raises `Misfit`."""
        if not x.rank:
            raise Misfit("`pad` needs at least one axis", code="wrong-rank", operand=0)
        if self.axis is not None:
            return self._one_axis(x, check_axis(self.name, self.axis, x))
        if x.rank == 1 and self.amount == 0:
            return (self.channels,)
        return (self.channels, *amounts(self.amount, spatial_rank(self.name, x), "amount"))

    def _one_axis(self, x: TensorType, axis: int) -> Padding:
        if any(self.channels):
            raise Misfit("`channels` and `axis` exclude each other", attribute="channels")
        amount = self.amount if isinstance(self.amount, tuple) else (self.amount, self.amount)
        if len(amount) != 2 or not all(isinstance(rows, int) for rows in amount):
            raise Misfit("with `axis` the amount is a number, or before and after", attribute="amount")
        return tuple(amount if a == axis else (0, 0) for a in range(x.rank))

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        padding = self._padding(x)
        if self.mode != "zeros":
            self._check_mode(x, padding[1:])
        if self.is_view(x):
            return (x,)
        shape = padded_sizes(x.shape, padding)
        return (x.mapped(shape, keeping=() if self.mode == "circular" else (2, 3)),)

    def gradient_type(self, x: TensorType, y: TensorType, incoming: TensorType) -> TensorType:
        if self.mode != "zeros":
            return x.mapped(x.shape, keeping=(2, 3))
        return x.with_strides(x.shape, incoming.tensor_strides).computed()

    def is_view(self, *operands: TensorType) -> bool:
        """Where there is nothing to add, the value itself."""
        return not any(map(any, self._padding(operands[0])))

    def _check_mode(self, x: TensorType, padding: Padding) -> None:
        given = (("channels", any(self.channels)), ("value", self.value != 0), ("axis", self.axis is not None))
        for attribute, is_given in given:
            if is_given:
                raise Misfit(f"`{attribute}` and `mode={self.mode}` exclude each other", attribute=attribute)
        if not padding:
            raise Misfit(f"`mode={self.mode}` needs a spatial axis", attribute="mode")
        for name, n, pair in zip(SPATIAL_AXES[len(padding)], x.sizes, padding, strict=True):
            most = {"reflect": n - 1, "circular": n}.get(self.mode)
            if most is not None and any(rows > most for rows in pair):
                raise Misfit(
                    f"`mode={self.mode}` has no {counted(max(pair), 'row')} to take from the {n} of the {name} axis",
                    attribute="amount",
                    label=f"at most {most} on a side",
                )

    def autocast_on_cpu(self, *operands: TensorType) -> Autocast:
        """`reflection_pad3d` is not in its list."""
        is_listed = self.mode == "replicate" or (self.mode == "reflect" and operands[0].rank < 4)
        return "inside" if is_listed else "follows"

    def reach(self, *operands: TensorType) -> Reach:
        padding = self._padding(operands[0])
        if self.mode == "zeros":
            return Axes(tuple(Rows(a, ((-before, -before),)) for a, (before, _) in enumerate(padding)))
        if self.mode == "circular":
            return Axes(tuple(Rows(a, ()) if any(pair) else Rows(a) for a, pair in enumerate(padding)))
        return Axes(
            tuple(self._own_rows(a, *axis) for a, axis in enumerate(zip(operands[0].shape, padding, strict=True)))
        )

    def _own_rows(self, axis: int, rows: int, pair: tuple[int, int]) -> Rows:
        """Units of an axis with so many rows, those at the ends reading the rows nearest to them."""
        (before, after), is_mirror = pair, self.mode == "reflect"
        first = Border(range(before), before if is_mirror else 0, -is_mirror)
        last = Border(range(before + rows, before + rows + after), rows - 1 - is_mirror, -is_mirror)
        return Rows(axis, ((-before, -before),), borders=tuple(b for b in (first, last) if b.units))

    def saved(self, operands: Types, results: Types) -> Saved:
        keeps = self.mode in ("reflect", "replicate") and not self.is_view(*operands)
        return Saved(operands=(0,) if keeps else ())

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        """With `circular` PyTorch copies the map and then each border into a new tensor; each copy is undone on its own."""
        (x,), (y,) = operands, results
        if self.mode != "circular":
            return super().backward(operands, results, incoming)
        found: list[Derivative] = []
        taken = "y0"
        for axis, pair in enumerate(self._padding(x)):
            for rows in filter(None, pair):
                border = y.with_shape((*y.shape[:axis], rows, *y.shape[axis + 1 :]))
                name = f"without border {len(found)}"
                found.append(Derivative((Gradient(name, y), Gradient("border", border, scratch=(border,))), (taken,)))
                found.append(Derivative((Gradient(name, y),), ("border",)))
                taken = name
        return *found, Derivative((Gradient("x0", x.with_shape(x.shape), scratch=(y,)),), (taken,))

    def pytorch(self, *operands: TensorType) -> Lowering:
        (x,) = operands
        padding = self._padding(x)
        if self.is_view(x):
            return Lowering(function=Expression("{0}"))
        if self.mode != "zeros":
            rows = pads(padding[1:])
            call = Call(f"nn.{MODULES[self.mode]}{x.rank - 1}d", (rows,))
            return Lowering(call, function("F.pad", (rows,), (("mode", self.mode),)))
        first = next(a for a, pair in enumerate(padding) if any(pair)) if self.axis is not None else 1
        sizes = pads(padding if any(self.channels) else padding[first:])
        value: Keywords = (("value", self.value),) if self.value else ()
        return Lowering(_constant_pad(sizes, self.value), function("F.pad", (sizes,), value))

    def summary(self) -> str:
        channels = f"channels +{sum(self.channels)}" if any(self.channels) else ""
        axis = f"axis {self.axis}" if self.axis is not None else ""
        parts = (
            show_amount(self.amount) if self.amount else "",
            channels,
            axis,
            self.mode if self.mode != "zeros" else "",
        )
        return " ".join(("pad", *filter(None, parts)))


def _constant_pad(sizes: tuple[int, ...], value: float) -> Call | None:
    """The module that pads the last axes; PyTorch has them for up to three."""
    axes = len(sizes) // 2
    if not 1 <= axes <= 3:
        return None
    return Call(f"nn.ZeroPad{axes}d", (sizes,)) if not value else Call(f"nn.ConstantPad{axes}d", (sizes, value))


def zeros_around(amount: Padding) -> Pad:
    """Rows of zeros before and after each spatial axis."""
    return Pad(amount=amount, channels=(0, 0), axis=None, mode="zeros", value=0)
