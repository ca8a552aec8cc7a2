"""Expressions over sizes that are open: arithmetic, comparisons, and conditions that need one answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from archdsl.elaborate.kinds import BAD_ARITHMETIC, BUDGET_EXCEEDED, OPEN_SIZE
from archdsl.elaborate.problems import Fault
from archdsl.elaborate.values import show
from archdsl.ir import Condition, LongFormula, OpenSize, Size, are_equal, at_least, both, equal, operand_text
from archdsl.source import Span
from archdsl.syntax import tree

SAY_SIZES = "say a size, as `--set H=224`, or state what is known of it, as `where H % 16 == 0`"


def settled(condition: Condition, span: Span) -> bool:
    """The one answer of a condition for all sizes that are open. Raises `Fault` where it has two."""
    if isinstance(condition, bool):
        return condition
    answer = condition.domain.decide(condition)
    if answer is None:
        raise open_question(f"`{condition}` holds for some sizes and not for others", span)
    return answer


def open_question(message: str, span: Span) -> Fault:
    return Fault(
        OPEN_SIZE,
        message,
        span,
        helps=("give the size: `--set H=224`", "or state what is known of it: `where H % 32 == 0`"),
    )


def open_hole(what: str, size: Size, span: Span) -> Fault:
    """A hole that needs one value, of which no constraint helps."""
    message = f"a hole of a {what} holds what is known, and `{size}` is open"
    return Fault(OPEN_SIZE, message, span, helps=("give the size: `--set H=224`",))


def equal_data(left: Any, right: Any) -> Condition:
    """Whether two data are equal, which may depend on sizes that are open."""
    if isinstance(left, Size) or isinstance(right, Size):
        return all(isinstance(v, int | Size) for v in (left, right)) and equal(left, right)
    if isinstance(left, tuple) and isinstance(right, tuple):
        same: Condition = len(left) == len(right)
        for one, other in zip(left, right, strict=False):
            same = both(same, equal_data(one, other))
        return same
    return are_equal(left, right)


def open_arithmetic(operator: str, left: Any, right: Any, e: tree.Expression) -> Any:
    """Arithmetic and comparisons of sizes that are open. Raises `Fault`."""
    results: dict[str, Callable[[], Any]] = {
        "<": lambda: at_least(right, left + 1),
        ">": lambda: at_least(left, right + 1),
        "<=": lambda: at_least(right, left),
        ">=": lambda: at_least(left, right),
        "+": lambda: left + right,
        "-": lambda: left - right,
        "*": lambda: left * right,
        "/": lambda: _exact_ratio(left, right),
        "//": lambda: left // right,
        "%": lambda: left % right,
        "^": lambda: left**right,
    }
    if right == 0 and operator in ("/", "//", "%"):
        raise Fault(BAD_ARITHMETIC, "division by zero", e.span, f"{left} {operator} 0")
    try:
        return results[operator]()
    except LongFormula as formula:
        raise Fault(BUDGET_EXCEEDED, str(formula), e.span, "this makes it too long", helps=(SAY_SIZES,)) from None
    except (OpenSize, TypeError):
        helps = ("`//` divides and rounds down",) if operator == "/" else ()
        shown = f"{_operand(left)} {operator} {_operand(right)}"
        raise Fault(OPEN_SIZE, f"`{shown}` is not known to be a whole number", e.span, helps=helps) from None


def _operand(value: Any) -> str:
    return operand_text(value) if isinstance(value, Size) else show(value)


def _exact_ratio(left: Any, right: Any) -> Any:
    """The quotient where it is whole for all sizes. Raises `OpenSize` otherwise."""
    quotient = left // right
    if quotient * right != left:
        raise OpenSize
    return quotient
