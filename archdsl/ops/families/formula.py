"""Formulas of indices: read by the language's own parser, checked, and written as Python over PyTorch's tensors.

    i - j                                     int64
    sin(i / 10000 ^ (j / 64))                 float32
    0 if i // 7 == j // 7 else -100.0         float32
    i >= j                                    bool

Nothing of a spec's text reaches the code: what is written comes from the tree, and of names only those listed here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from itertools import product
from typing import Literal, NamedTuple

from archdsl.ir import Misfit, Shape
from archdsl.source import Source
from archdsl.syntax import parse_expression, tree

Kind = Literal["int64", "float32", "bool"]
Ends = tuple[int, int]

INDICES = ("i", "j", "k", "m", "n")
"""The names of the indices along axes 0, 1, ..."""
LENGTH_LIMIT = 500
FUNCTIONS: dict[str, Callable[[float], float]] = {
    "sin": math.sin,
    "cos": math.cos,
    "exp": math.exp,
    "log": math.log,
    "sqrt": math.sqrt,
}
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
OPERATORS = {"//": "//", "/": "/", "*": "*", "+": "+", "-": "-", "%": "%", "^": "**", "or": "|", "and": "&"}
LOOSE, OR, AND, SUM, PRODUCT, SIGN, POWER, ATOM = range(8)
"""How tightly Python's operators bind, from comparisons on."""
TIGHTNESS = {
    "or": OR,
    "and": AND,
    "+": SUM,
    "-": SUM,
    "*": PRODUCT,
    "/": PRODUCT,
    "//": PRODUCT,
    "%": PRODUCT,
    "^": POWER,
}


class Term(NamedTuple):
    """A formula, or a part of one."""

    code: str
    kind: Kind
    tightness: int = ATOM
    value: float | None = None
    """Of a part without indices."""
    ends: Ends | None = None
    """The least and the largest value, of whole numbers; None where it is not known."""

    def within(self, tightness: int) -> str:
        """The code as an operand of an operator that binds so tightly."""
        return self.code if self.tightness >= tightness else f"({self.code})"


def number(value: float) -> Term:
    """A number as it stands in code."""
    if isinstance(value, bool):
        return Term(repr(value), "bool", ATOM, value)
    tightness = SIGN if value < 0 else ATOM
    if isinstance(value, int):
        return Term(repr(value), "int64", tightness, value, _checked((value, value)))
    return Term(repr(value), "float32", tightness, value)


@lru_cache(maxsize=256)
def formula(text: str, sizes: Shape) -> Term:
    """The formula of a tensor of these sizes. Raises `Misfit`."""
    if len(sizes) > len(INDICES):
        raise _wrong(f"a formula knows {len(INDICES)} indices, {', '.join(INDICES)}: reshape what has more axes")
    if len(text) > LENGTH_LIMIT:
        raise _wrong(f"a formula has at most {LENGTH_LIMIT} characters")
    expression, problems = parse_expression(Source("formula", text), 0, len(text))
    if expression is None:
        raise _wrong(f"the formula cannot be read: {problems[0].message}")
    try:
        return _Reader(sizes).term(expression)
    except RecursionError:
        raise _wrong("the formula is nested too deeply") from None


class _Reader:
    def __init__(self, sizes: Shape) -> None:
        self.indices = dict(zip(INDICES, sizes, strict=False))

    def term(self, e: tree.Expression) -> Term:
        match e:
            case tree.Number():
                return _literal(e)
            case tree.Boolean():
                return number(e.value)
            case tree.Name():
                return self._name(e)
            case tree.Unary():
                return self._unary(e)
            case tree.Binary():
                return self._binary(e)
            case tree.Conditional():
                return self._conditional(e)
            case tree.Call():
                return self._call(e)
        raise _wrong(f"`{e.span.text}` has no place in a formula", _KNOWN)

    def _name(self, e: tree.Name) -> Term:
        if e.text == "pi":
            return number(math.pi)
        if e.text not in self.indices:
            names = ", ".join(f"`{name}`" for name in self.indices)
            raise _wrong(
                f"a formula of {len(self.indices)} axes knows no `{e.text}`",
                f"the indices are {names}; a number of the spec goes into braces, `{{{e.text}}}`",
            )
        return Term(e.text, "int64", ends=(0, self.indices[e.text] - 1))

    def _unary(self, e: tree.Unary) -> Term:
        operand = self.term(e.operand)
        if e.operator == "not":
            _check_condition(operand, e.operand)
            return (
                number(not operand.value)
                if operand.value is not None
                else Term(f"~{operand.within(SIGN)}", "bool", SIGN)
            )
        x = _numeric(operand)
        if e.operator == "+":
            return x
        if x.value is not None:
            return number(-x.value)
        return Term(f"-{x.within(SIGN)}", x.kind, SIGN, ends=x.ends and _checked((-x.ends[1], -x.ends[0])))

    def _conditional(self, e: tree.Conditional) -> Term:
        condition, then, otherwise = map(self.term, (e.condition, e.then, e.otherwise))
        _check_condition(condition, e.condition)
        if condition.value is not None:
            return then if condition.value else otherwise
        if "bool" in (then.kind, otherwise.kind) and then.kind != otherwise.kind:
            then, otherwise = _numeric(then), _numeric(otherwise)
        kind: Kind = "float32" if "float32" in (then.kind, otherwise.kind) else then.kind
        ends = None if then.ends is None or otherwise.ends is None else (*then.ends, *otherwise.ends)
        code = f"torch.where({condition.code}, {then.code}, {otherwise.code})"
        return Term(code, kind, ends=ends and (min(ends), max(ends)))

    def _binary(self, e: tree.Binary) -> Term:
        left, right = self.term(e.left), self.term(e.right)
        if e.operator in ("and", "or"):
            _check_condition(left, e.left)
            _check_condition(right, e.right)
            if left.value is not None or right.value is not None:
                fixed, other = (left, right) if left.value is not None else (right, left)
                return other if bool(fixed.value) == (e.operator == "and") else fixed
            return _joined(e.operator, left, right, "bool", None)
        left, right = _numeric(left), _numeric(right)
        if e.operator in COMPARISONS:
            if left.value is not None and right.value is not None:
                return number(_COMPUTED[e.operator](left.value, right.value))
            return Term(f"{left.within(OR)} {e.operator} {right.within(OR)}", "bool", LOOSE)
        if e.operator not in OPERATORS:
            raise _wrong(f"`{e.operator}` has no place in a formula", _KNOWN)
        return _arithmetic(e, left, right)

    def _call(self, e: tree.Call) -> Term:
        name, given = e.callee.text, [self.term(a.value) for a in e.arguments]
        takes = 2 if name in ("min", "max") else 1
        if name not in (*FUNCTIONS, "abs", "floor", "min", "max"):
            raise _wrong(f"a formula has no function `{name}`", _KNOWN)
        if len(given) != takes or any(a.name is not None for a in e.arguments):
            raise _wrong(f"`{name}` takes {takes} value{'s' if takes > 1 else ''} in a formula")
        terms = [_numeric(t) for t in given]
        if takes == 2:
            return _extreme(name, *terms)
        (x,) = terms
        if name == "abs":
            return _absolute(x)
        return _floor(x) if name == "floor" else _function(name, x)


def _literal(e: tree.Number) -> Term:
    """One with a point or an exponent is no whole number, whatever its value."""
    if not any(c in e.span.text for c in ".eE"):
        return number(int(e.value))
    try:
        return number(float(e.value))
    except OverflowError:
        raise _wrong(f"`{e.span.text}` is too large for a number of 64 bits") from None


def _function(name: str, x: Term) -> Term:
    if x.value is None:
        return Term(f"torch.{name}({x.code})", "float32")
    try:
        return number(FUNCTIONS[name](x.value))
    except (ValueError, OverflowError):
        raise _wrong(f"`{name}` has no value at {x.code}") from None


def _absolute(x: Term) -> Term:
    if x.value is not None:
        return number(abs(x.value))
    if x.ends is None:
        return Term(f"abs({x.code})", x.kind)
    first, last = map(abs, x.ends)
    least = 0 if x.ends[0] <= 0 <= x.ends[1] else min(first, last)
    return Term(f"abs({x.code})", x.kind, ends=(least, max(first, last)))


def _floor(x: Term) -> Term:
    if x.kind == "int64":
        return x
    return Term(f"torch.floor({x.code}).long()", "int64") if x.value is None else number(math.floor(x.value))


def _extreme(name: str, a: Term, b: Term) -> Term:
    chosen = min if name == "min" else max
    if a.value is not None and b.value is not None:
        return number(chosen(a.value, b.value))
    kind: Kind = "float32" if "float32" in (a.kind, b.kind) else "int64"
    ends = (chosen(a.ends[0], b.ends[0]), chosen(a.ends[1], b.ends[1])) if a.ends and b.ends else None
    if a.value is None and b.value is None:
        return Term(f"torch.{name}imum({a.code}, {b.code})", kind, ends=ends)
    fixed, other = (a, b) if a.value is not None else (b, a)
    return Term(f"{other.within(ATOM)}.clamp({'max' if name == 'min' else 'min'}={fixed.code})", kind, ends=ends)


def _numeric(x: Term) -> Term:
    """Conditions count as 0 and 1."""
    if x.kind != "bool":
        return x
    return number(int(x.value)) if x.value is not None else Term(f"{x.within(ATOM)}.long()", "int64", ends=(0, 1))


def _check_condition(x: Term, e: tree.Expression) -> None:
    if x.kind != "bool":
        raise _wrong(f"`{e.span.text}` is no condition", "compare it with something: `i >= j`")


def _arithmetic(e: tree.Binary, left: Term, right: Term) -> Term:
    operator, written = e.operator, e.right.span.text
    whole = left.kind == right.kind == "int64" and operator != "/"
    if whole and operator in ("//", "%") and (right.ends is None or right.ends[0] <= 0 <= right.ends[1]):
        divisor = "0" if right.value == 0 else f"`{written}`, which may be 0"
        raise _wrong(f"`{operator}` in the formula divides by {divisor}")
    if whole and operator == "^" and (right.ends is None or right.ends[0] < 0):
        raise _wrong(
            f"a whole number to the power `{written}`, which may be negative",
            "write the number with a point: `2.0 ^ i`",
        )
    if left.value is not None and right.value is not None:
        return number(_computed(operator, left, right))
    return _joined(
        operator, left, right, "int64" if whole else "float32", _span(operator, left, right) if whole else None
    )


def _computed(operator: str, left: Term, right: Term) -> float:
    assert left.value is not None and right.value is not None
    if operator == "^" and left.ends is not None and right.ends is not None:
        _power(left.ends, right.ends)
    try:
        found = _COMPUTED[operator](left.value, right.value)
    except (ZeroDivisionError, OverflowError):
        found = math.nan
    if isinstance(found, complex) or not math.isfinite(found):
        raise _wrong(f"`{left.code} {operator} {right.code}` has no value")
    return found


_COMPUTED: dict[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "^": lambda a, b: a**b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def _joined(operator: str, left: Term, right: Term, kind: Kind, ends: Ends | None) -> Term:
    tightness = TIGHTNESS[operator]
    is_power = operator == "^"
    first, second = left.within(tightness + is_power), right.within(SIGN if is_power else tightness + 1)
    return Term(f"{first} {OPERATORS[operator]} {second}", kind, tightness, ends=ends)


def _span(operator: str, left: Term, right: Term) -> Ends | None:
    """The least and the largest result on whole numbers."""
    if left.ends is None or right.ends is None:
        return None
    if operator == "%":
        return (0, right.ends[1] - 1) if right.ends[0] > 0 else (right.ends[0] + 1, 0)
    if operator == "^":
        return _power(left.ends, right.ends)
    corners = [int(_COMPUTED[operator](a, b)) for a, b in product(left.ends, right.ends)]
    return _checked((min(corners), max(corners)))


def _power(base: Ends, exponent: Ends) -> Ends:
    largest = max(map(abs, base))
    if largest.bit_length() * exponent[1] > 64:
        raise _wrong("a whole number in the formula may be too large for int64")
    if base[0] > 0:
        return _checked((base[0] ** exponent[0], base[1] ** exponent[1]))
    found = largest ** exponent[1]
    return _checked((-found if base[0] < 0 else 0, found))


def _checked(ends: Ends) -> Ends:
    """Raises `Misfit` for whole numbers of more than 64 bits."""
    if ends[0] < -(2**63) or ends[1] >= 2**63:
        raise _wrong("a whole number in the formula may be too large for int64")
    return ends


_KNOWN = (
    "it has numbers, `pi`, indices, `+ - * / // % ^`, comparisons, `and or not`, `a if c else b`, and "
    "`min max abs floor sin cos exp log sqrt`"
)


def _wrong(message: str, help: str | None = None) -> Misfit:
    return Misfit(message, attribute="formula", help=help)
