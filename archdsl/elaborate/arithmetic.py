"""Arithmetic of whole numbers and rationals."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from archdsl.elaborate.counts import Count, counted
from archdsl.elaborate.kinds import BAD_ARITHMETIC, BUDGET_EXCEEDED, OPEN_SIZE
from archdsl.elaborate.open_sizes import open_arithmetic
from archdsl.elaborate.problems import Fault
from archdsl.elaborate.values import show
from archdsl.ir import Size
from archdsl.source import Span
from archdsl.syntax import tree

BITS_LIMIT = 512
_TOO_LONG = f"a number of more than {BITS_LIMIT} bits"
_LOWER = ("counts of a network are far smaller: lower the exponent, or the largest factor",)
ROOT_LIMIT = 100
"""Roots with a larger denominator, and those of a larger degree, are not looked for among the rationals."""
COMPARISONS = ("<", ">", "<=", ">=")


def steers(span: Span) -> Fault:
    return Fault(OPEN_SIZE, "what there is depends on the value of a count", span)


def arithmetic(operator: str, left: int | Fraction, right: int | Fraction, e: tree.Expression) -> Any:
    """The result of an operator on numbers, exact. Raises `Fault`."""
    if isinstance(left, Size) or isinstance(right, Size):
        return open_arithmetic(operator, left, right, e)
    if operator in COMPARISONS:
        return {"<": left < right, ">": left > right, "<=": left <= right, ">=": left >= right}[operator]
    if operator in ("/", "//", "%") and right == 0:
        raise Fault(BAD_ARITHMETIC, "division by zero", e.span, f"{show(left)} {operator} 0")
    results: dict[str, Callable[[], Any]] = {
        "+": lambda: left + right,
        "-": lambda: left - right,
        "*": lambda: left * right,
        "/": lambda: Fraction(left) / right,
        "//": lambda: left // right,
        "%": lambda: left % right,
        "^": lambda: _power(left, right, e),
    }
    found = bounded(results[operator](), e.span)
    if not counted((left, right)):
        return found
    if not _is_polynomial(operator, left, right):
        raise steers(e.span)
    if isinstance(left, Count) and not isinstance(right, Count) and operator in ("+", "-"):
        return left.moved(int(found), int(found) - left)
    return Count(found)


def _is_polynomial(operator: str, left: int | Fraction, right: int | Fraction) -> bool:
    """Whether the result is a sum, a difference, a product or a power of whole numbers."""
    if not (isinstance(left, int) and isinstance(right, int)):
        return False
    return operator in ("+", "-", "*") or (operator == "^" and not isinstance(right, Count) and right >= 0)


def _power(base: int | Fraction, exponent: int | Fraction, e: tree.Expression) -> int | Fraction:
    if base == 0 and exponent < 0:
        raise Fault(BAD_ARITHMETIC, "division by zero", e.span, f"0 ^ {show(exponent)}")
    if not isinstance(exponent, int):
        return _root(base, exponent, e)
    digits = max(abs(Fraction(base).numerator), Fraction(base).denominator).bit_length()
    if digits > 1 and digits * abs(exponent) > 2 * BITS_LIMIT:
        raise Fault(BUDGET_EXCEEDED, _TOO_LONG, e.span, helps=_LOWER)
    return Fraction(base) ** exponent


def _root(base: int | Fraction, exponent: Fraction, e: tree.Expression) -> Fraction:
    """A power with a fraction for exponent: exact where it is rational, else the nearest number of 64 bits."""
    if base < 0:
        span = e.left.span if isinstance(e, tree.Binary) else e.span
        raise Fault(BAD_ARITHMETIC, "a negative number has no roots", span, f"= {show(base)}")
    try:
        found = float(base) ** float(exponent)
    except OverflowError:
        raise Fault(BUDGET_EXCEEDED, "a root too large to compute", e.span, helps=_LOWER) from None
    near = Fraction(found).limit_denominator(ROOT_LIMIT)
    degree = exponent.denominator
    is_small = degree <= ROOT_LIMIT and abs(exponent.numerator) <= ROOT_LIMIT
    is_exact = is_small and near**degree == Fraction(base) ** exponent.numerator
    return near if is_exact else Fraction(found)


def bounded(value: int | Fraction, span: Span) -> int | Fraction:
    """The number, as an integer where it is whole. Raises `Fault` for one that is too long."""
    if isinstance(value, Size):
        return value
    numerator, denominator = value.as_integer_ratio()
    if numerator.bit_length() > BITS_LIMIT or denominator.bit_length() > BITS_LIMIT:
        raise Fault(BUDGET_EXCEEDED, _TOO_LONG, span, helps=_LOWER)
    return numerator if denominator == 1 else value
