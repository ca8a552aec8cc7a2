"""Functions on data: `min`, `round`, `divisor`."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial, reduce
from typing import Any

from archdsl.elaborate.values import Tensors, is_number, simplify
from archdsl.ir import Size, at_least


class Misuse(ValueError):
    """A function's own words about its arguments."""


def apply_function(name: str, arguments: list[Any]) -> Any:
    """A function on data. Raises ValueError or TypeError where it does not take the arguments."""
    if name in _OF_LISTS:
        return _OF_LISTS[name](*arguments)
    if name in _OF_ALL:
        items = arguments[0] if len(arguments) == 1 and isinstance(arguments[0], tuple) else tuple(arguments)
        _check_numbers(name, items)
        if not items and name != "sum":
            raise Misuse(f"`{name}` of an empty list")
        if name != "sum" and any(isinstance(item, Size) for item in items):
            return reduce(partial(_extreme, name), items)
        return simplify(_OF_ALL[name](items))
    if name == "round" and arguments[1:] == ["even"]:
        del arguments[1:]
        name = "round to even"
    if isinstance(arguments[0], Size) and name in _OF_FRACTIONS and len(arguments) == 1:
        return arguments[0]
    _check_numbers(name, arguments)
    return _OF_NUMBERS[name](*arguments)


def _extreme(name: str, left: Any, right: Any) -> Any:
    """The smaller or the larger of two sizes, where it is the same one for all sizes that are open."""
    condition = at_least(left, right)
    answer = condition if isinstance(condition, bool) else condition.domain.decide(condition)
    if answer is None:
        raise Misuse(f"which of `{left}` and `{right}` is the {name} depends on the size")
    return left if answer == (name == "max") else right


def _check_numbers(name: str, values: Any) -> None:
    if not all(map(is_number, values)):
        raise Misuse(f"`{name}` takes numbers")


def _len(value: Any) -> int:
    items = value.items if isinstance(value, Tensors) else value
    if not isinstance(items, tuple):
        raise Misuse("`len` takes a list")
    return len(items)


def _reverse(value: Any) -> tuple[Any, ...] | Tensors:
    if isinstance(value, Tensors) and value.items is not None:
        return Tensors(value.items[::-1], is_list=True)
    if not isinstance(value, tuple):
        raise Misuse("`reverse` takes a list")
    return value[::-1]


def _round(value: int | Fraction) -> int:
    """To the nearest whole number, a half upwards."""
    return (value + Fraction(1, 2)).__floor__()


def _divisor(value: int | Fraction, divisor: int | Fraction) -> int:
    """The multiple of `divisor` nearest to `value`, a half upwards, never under 90 % of it (MobileNet's rounding)."""
    if isinstance(value, Size):
        raise Misuse(f"`divisor` rounds numbers, and `{value}` is open")
    if not isinstance(divisor, int) or divisor < 1:
        raise Misuse("`divisor` rounds to multiples of a whole number of at least 1")
    rounded = max(divisor, int(value + Fraction(divisor, 2)) // divisor * divisor)
    return rounded + divisor if rounded < value * Fraction(9, 10) else rounded


_OF_LISTS: dict[str, Callable[..., Any]] = {"len": _len, "reverse": _reverse}
_OF_ALL: dict[str, Callable[..., Any]] = {"min": min, "max": max, "sum": sum}
_OF_FRACTIONS = ("floor", "ceil", "round", "round to even")
_OF_NUMBERS: dict[str, Callable[..., int]] = {
    "floor": lambda value: value.__floor__(),
    "ceil": lambda value: value.__ceil__(),
    "round": _round,
    "round to even": lambda value: value.__round__(),
    "divisor": _divisor,
}
