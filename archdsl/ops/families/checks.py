"""Demands on operands that many operators make."""

from __future__ import annotations

from math import gcd

from archdsl.ir import Misfit, Shape, TensorType, agree, is_open, show_shape
from archdsl.source import counted

_OF_NUMBERS = "`embedding` looks up a vector for each number; `cast(float32)` makes floats of them"


def check_float(op: str, x: TensorType, operand: int = 0) -> None:
    """Raises `Misfit` for integers and booleans."""
    if not x.is_float:
        raise Misfit(
            f"`{op}` reads float values, not {x.dtype}",
            code="wrong-dtype",
            operand=operand,
            label=f"{x.dtype} values",
            help="`cast(float32)` makes such of them" if x.dtype == "bool" else _OF_NUMBERS,
        )


def check_weights_fit(op: str, x: TensorType) -> None:
    """Raises `Misfit` for all but float32, the type of weights: PyTorch does not mix types within a layer."""
    check_float(op, x)
    if x.dtype != "float32":
        raise Misfit(
            f"`{op}` has float32 weights and cannot read {x.dtype}",
            code="wrong-dtype",
            operand=0,
            label=f"{x.dtype} values",
            help="keep the input float32; the precision is chosen where the compiled module is run",
        )


def check_axis(op: str, axis: int, x: TensorType, attribute: str = "axis") -> int:
    """The number of an axis, counted from 0. Raises `Misfit` where there is no such axis."""
    if -x.rank <= axis < x.rank:
        return axis % x.rank
    if axis > x.rank and axis in x.shape:
        meant = x.shape.index(axis) - x.rank
        raise Misfit(
            f"`{op}`: {axis} is the size of an axis, not its number",
            attribute=attribute,
            label=f"{show_shape(x.shape)} has {counted(x.rank, 'axis')}",
            help=f"axis {meant} has {axis} rows: write `{meant}`",
            instead=str(meant),
        )
    raise Misfit(f"`{op}`: {show_shape(x.shape)} has no axis {axis}", attribute=attribute, help=numbered(x.rank))


def numbered(rank: int) -> str | None:
    """How the axes of a shape are numbered."""
    if rank < 2:
        return "its only axis is 0, or -1 from the end" if rank else None
    return f"axes are numbered 0 to {rank - 1}, or -{rank} to -1 from the end"


def check_two(op: str, operands: tuple[TensorType, ...]) -> None:
    """Raises `Misfit` where a merge of two values has more."""
    if len(operands) > 2:
        raise Misfit(
            f"`{op}` takes two values, not {len(operands)}",
            code="shape-mismatch",
            operand=2,
            help=f"`{op}(a)` joins the current value, first, with `a`; `{op} {{ | a | b }}` joins two others",
        )


def only_axis(op: str, axis: int | None, x: TensorType) -> int:
    """The number of an axis that may be left out on a vector. Raises `Misfit`."""
    if axis is not None:
        return check_axis(op, axis, x)
    if x.rank == 1:
        return 0
    raise Misfit(
        f"`{op}` on {show_shape(x.shape)} needs an `axis`",
        operand=0,
        label=f"{x.rank} axes to choose from",
        help=f"`{op}(axis=0)` is over the first axis, channels of maps, `{op}(axis=-1)` over the last, features of tokens",
    )


def check_axes(op: str, axes: int | tuple[int, ...], x: TensorType, attribute: str = "axes") -> tuple[int, ...]:
    """The numbers of one or several axes, counted from 0. Raises `Misfit`."""
    found = [check_axis(op, a, x, attribute) for a in (axes if isinstance(axes, tuple) else (axes,))]
    if len({*found}) < len(found):
        raise Misfit(f"`{op}` names an axis twice", attribute=attribute)
    return tuple(found)


def laid_beside(shape: Shape, other: Shape) -> Shape | None:
    """A shape of fewer axes with axes of size 1 put in, so that it goes with another; None where nothing does that.

    What is as many as the channels of a map are those; else its last axes are the last of the other that fit.
    """
    is_gate = len(shape) == 1 and len(other) > 2 and agree(shape[0], other[0])
    step = 1 if is_gate else -1
    rest, laid = list(shape[::step]), []
    for size in other[::step]:
        fits = bool(rest) and (rest[0] == 1 or agree(rest[0], size))
        laid.append(rest.pop(0) if fits else 1)
    return None if rest else tuple(laid[::step])


def fitting(number: int, what: str, *counts: int) -> str | None:
    """The nearest numbers below and above that divide all of these counts, as a message says it."""
    if is_open(counts):
        return None
    common = gcd(*counts)
    below = next(n for n in range(min(number, common), 0, -1) if common % n == 0)
    above = next((n for n in range(number + 1, min(common, 64 * number) + 1) if common % n == 0), None)
    if above is None:
        return f"{below} {what} would fit" if below > 1 else None
    return f"{below} or {above} {what} would fit"


def check_groups(groups: int, inputs: int, outputs: int) -> None:
    """Raises `Misfit` where groups do not divide the channels."""
    for what, channels in (("input", inputs), ("output", outputs)):
        if channels % groups:
            raise Misfit(
                f"{groups} groups do not divide {counted(channels, f'{what} channel')}",
                attribute="groups",
                label=f"{channels} = {channels // groups} * {groups} + {channels % groups}",
                help=fitting(groups, "groups", inputs, outputs),
            )
