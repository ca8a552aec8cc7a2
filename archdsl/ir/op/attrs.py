"""The types that an operator's attributes may have, each with the words for what it accepts.

Values arrive from the elaborator as int, Fraction, bool, str or (nested) tuples of these. Nothing is coerced that a
reader would not expect: a string is no number, a boolean no size, and 5/2 is no size either.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import isfinite
from typing import Annotated, Any, cast

from archdsl.ir.op.attributes import Accepts, Field, TooLarge
from archdsl.ir.sizes.size import LARGEST_SIZE, open_size

__all__ = [
    "Amount",
    "Axes",
    "Axis",
    "Beyond",
    "Count",
    "Counts",
    "ElementType",
    "Equation",
    "Extent",
    "Field",
    "Flag",
    "Formula",
    "Initial",
    "Interpolation",
    "Number",
    "Numbers",
    "Offset",
    "Order",
    "Pad",
    "PadMode",
    "Pair",
    "Parametrization",
    "Positive",
    "Probability",
    "Relation",
    "Rounding",
    "Scale",
    "Shape",
    "Shifts",
    "Size",
    "Sizes",
    "Table",
    "TensorShape",
    "Window",
    "WindowOrGlobal",
]


def _integer(least: int) -> Callable[[Any], int]:
    def convert(value: Any) -> int:
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if not (is_whole or open_size(value) is not None) or not least <= value:
            raise ValueError
        if value > LARGEST_SIZE:
            raise TooLarge(f"at most {LARGEST_SIZE:_}")
        return cast(int, value)  # an open size stands for one

    return convert


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | Fraction):
        raise ValueError
    number = float(value)
    if not isfinite(number):
        raise ValueError
    return number


def _positive(value: Any) -> float:
    number = _number(value)
    if number <= 0:
        raise ValueError
    return number


def _probability(value: Any) -> float:
    number = _number(value)
    if not 0 <= number <= 1:
        raise ValueError
    return number


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


def _sizes(least: int) -> Callable[[Any], int | tuple[int, ...]]:
    integer = _integer(least)

    def convert(value: Any) -> int | tuple[int, ...]:
        if isinstance(value, tuple | list) and value:
            return tuple(integer(v) for v in value)
        return integer(value)

    return convert


def _one_of(*words: str) -> Accepts:
    def convert(value: Any) -> str:
        if not isinstance(value, str) or value not in words:
            raise ValueError
        return value

    return Accepts(f"one of {', '.join(words)}", convert, words)


def _pair(value: Any) -> tuple[int, int]:
    before, after = value
    integer = _integer(0)
    return integer(before), integer(after)


PADDINGS = ("valid", "half", "same", "full")


def _pad(value: Any) -> int | str | tuple[Any, ...]:
    if isinstance(value, str):
        if value not in PADDINGS:
            raise ValueError
        return value
    if isinstance(value, tuple | list):
        if value and all(isinstance(v, tuple | list) for v in value):
            return tuple(_pair(v) for v in value)
        return tuple(_integer(0)(v) for v in value)
    return _integer(0)(value)


def _amount(value: Any) -> int | tuple[Any, ...]:
    if isinstance(value, str):
        raise ValueError
    found = _pad(value)
    assert not isinstance(found, str)
    return found


def _list(item: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, ...]]:
    def convert(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, tuple | list) or not value:
            raise ValueError
        return tuple(map(item, value))

    return convert


def _shape(value: Any) -> tuple[int, ...]:
    sizes = _list(_integer(-1))(value)
    if 0 in sizes or sizes.count(-1) > 1:
        raise ValueError
    return sizes


def _scale(value: Any) -> float | tuple[float, ...]:
    """Whole numbers stay so, since PyTorch's scale factors are written as given."""
    if isinstance(value, tuple | list) and value:
        return tuple(map(_factor, value))
    return _factor(value)


def _factor(value: Any) -> float:
    number = _positive(value)
    return int(number) if number.is_integer() else number


def _offset(value: Any) -> str | int | tuple[int, ...]:
    return "center" if value == "center" else _sizes(0)(value)


def _initial(value: Any) -> str | float:
    return value if value in ("zeros", "ones") else _number(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value


def _window_or_global(value: Any) -> int | str | tuple[int, ...]:
    return "global" if value == "global" else _sizes(1)(value)


def _strings(value: Any) -> tuple[str, ...]:
    if not isinstance(value, tuple | list) or not value or not all(isinstance(v, str) for v in value):
        raise ValueError
    return tuple(value)


Size = Annotated[int, Accepts("a whole number of at least 1", _integer(1))]
Count = Annotated[int, Accepts("a whole number of at least 0", _integer(0))]
Axis = Annotated[int, Accepts("the number of an axis: 0, 1, ... or -1, -2, ... from the end", _integer(-LARGEST_SIZE))]
Number = Annotated[float, Accepts("a number", _number)]
Numbers = Annotated[float | tuple[float, ...], Accepts("a number greater than 0, or a list of such numbers", _scale)]
Positive = Annotated[float, Accepts("a number greater than 0", _positive)]
Probability = Annotated[float, Accepts("a number from 0 to 1", _probability)]
Flag = Annotated[bool, Accepts("true or false", _flag)]
Window = Annotated[int | tuple[int, ...], Accepts("a size of at least 1, or one for each axis as 3x3", _sizes(1))]
WindowOrGlobal = Annotated[
    int | str | tuple[int, ...], Accepts("a window, as 3 or 3x3, or global", _window_or_global, ("global",))
]
Pad = Annotated[
    int | str | tuple[Any, ...],
    Accepts("a number of rows, [before, after] for each axis, or valid, half, same or full", _pad, PADDINGS),
]
Rounding = Annotated[str, _one_of("floor", "ceil", "exact")]
Sizes = Annotated[int | tuple[int, ...], Accepts("a size of at least 1, or a list of such sizes", _sizes(1))]
Table = Annotated[tuple[str, ...], Accepts("a list of strings, one for each input map, X where joined", _strings)]
Amount = Annotated[
    int | tuple[Any, ...], Accepts("a number of rows, one for each spatial axis, or [[before, after], ...]", _amount)
]
Pair = Annotated[tuple[int, int], Accepts("two whole numbers of at least 0, as [0, 16]", _pair)]
Order = Annotated[
    tuple[int, ...],
    Accepts("a list of axes, by their numbers 0, 1, ... or -1, -2, ... from the end", _list(_integer(-LARGEST_SIZE))),
]
Axes = Annotated[
    int | tuple[int, ...],
    Accepts("the number of an axis, 0, 1, ... or -1, -2, ... from the end, or a list of such", _sizes(-LARGEST_SIZE)),
]
Shifts = Annotated[int | tuple[int, ...], Accepts("a whole number, or one for each axis", _sizes(-LARGEST_SIZE))]
Shape = Annotated[
    tuple[int, ...],
    Accepts("a list of sizes of at least 1, one of which may be -1 and follows from the others", _shape),
]
TensorShape = Annotated[tuple[int, ...], Accepts("a list of sizes of at least 1", _list(_integer(1)))]
Extent = Annotated[int, Accepts("a whole number; negative ones count from the end", _integer(-LARGEST_SIZE))]
Scale = Annotated[float | tuple[float, ...], Accepts("a number greater than 0, or one for each spatial axis", _scale)]
Interpolation = Annotated[str, _one_of("nearest", "bilinear", "bicubic")]
Beyond = Annotated[str, _one_of("zeros", "border", "reflection")]
PadMode = Annotated[str, _one_of("zeros", "reflect", "replicate", "circular")]
Counts = Annotated[
    int | tuple[int, ...], Accepts("a whole number of at least 0, or one for each spatial axis", _sizes(0))
]
Offset = Annotated[
    int | str | tuple[int, ...], Accepts("a number of rows, one for each spatial axis, or center", _offset)
]
Initial = Annotated[float | str, Accepts("zeros, ones or a number", _initial)]
Formula = Annotated[str, Accepts('a formula of indices in quotes, as "i - j"', _text)]
ElementType = Annotated[str, _one_of("float32", "float16", "bfloat16", "float64", "int64", "int32", "bool")]
Parametrization = Annotated[str, _one_of("weight_norm", "spectral_norm")]
Relation = Annotated[str, _one_of(">", ">=", "<", "<=", "==", "!=")]
Equation = Annotated[str, Accepts('an equation in quotes, as "h k n, h v n -> h k v"', _text)]
