"""What the declaration of a block asks and works out, as data: `stride != 1`, `channels // 4`, `in.channels == channels`."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

NAMED_SIZES = {"channels": (0, 1), "features": (-1, 1), "width": (-1, 2), "height": (-2, 3), "depth": (-3, 4)}
"""Sizes of a tensor by name: which axis has it, and how many axes there must be."""

LEAVES = ("parameter", "input", "value")
OF_NUMBERS = ("<", "<=", ">", ">=", "+", "-", "*", "//", "%")
"""What is worked out of numbers alone, as in a spec: Python repeats a string that is multiplied and adds flags."""


class Operation(NamedTuple):
    """An operator and its operands, which are operations themselves.

    Those without an operator's sign are a `parameter`, by its name, a size of the `input`, by its name or axis, a `value`, and
    `let`, which is around what has a name of its own in the spec.
    """

    operator: str
    operands: tuple[Any, ...]

    def value(self, parameters: dict[str, Any], sizes: Mapping[str | int, int]) -> Any:
        """Its value in an instance of the block, of these parameters and sizes of the input; None where it has none."""
        match self.operator, self.operands:
            case "value", (value,):
                return value
            case "parameter", (name,):
                return parameters.get(name)
            case "input", (name,):
                return sizes.get(name)
        values = [operand.value(parameters, sizes) for operand in self.operands]
        if None in values or (self.operator in OF_NUMBERS and not all(type(v) in (int, float) for v in values)):
            return None
        try:
            return SIGNS[self.operator](*values)
        except (TypeError, ArithmeticError):
            return None


def are_equal(a: Any, b: Any) -> bool:
    """Whether two data are equal as a spec has it, where no flag is a number."""
    return bool(a == b) and isinstance(a, bool) == isinstance(b, bool)


SIGNS: dict[str, Callable[..., Any]] = {
    "let": lambda value: value,
    "not": operator.not_,
    "and": lambda a, b: a and b,
    "or": lambda a, b: a or b,
    "==": are_equal,
    "!=": lambda a, b: not are_equal(a, b),
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "%": operator.mod,
}
"""What the operators do, of which an operation may be."""
