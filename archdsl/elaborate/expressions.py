"""Expressions -> values. Arithmetic is exact, over integers and rationals; nothing here can loop or touch a file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import lru_cache
from typing import Any, Protocol, get_args

from archdsl.elaborate.arithmetic import COMPARISONS, arithmetic, bounded, steers
from archdsl.elaborate.corrections import TO_WHOLE
from archdsl.elaborate.counts import Count, counted, is_settled, turns
from archdsl.elaborate.elsewhere import reworded
from archdsl.elaborate.functions import Misuse, apply_function
from archdsl.elaborate.kinds import BAD_ARITHMETIC, BUDGET_EXCEEDED, KIND_MISMATCH, NOT_AN_INTEGER, UNKNOWN_NAME
from archdsl.elaborate.lists import data_of, items_of, parts_of, wrong_way
from archdsl.elaborate.open_sizes import equal_data, open_hole, open_question, settled
from archdsl.elaborate.problems import Fault
from archdsl.elaborate.tensors import tensor_attribute
from archdsl.elaborate.values import Function, Tensors, Window, advice_on_items, is_number, kind_of, show, simplify
from archdsl.ir import Condition, Size, both, denied, either
from archdsl.source import Edit, Kind, Span
from archdsl.syntax import FRAMEWORKS, MALFORMED_NUMBER, STRING_LIMIT, parse_expression, tree

LENGTH_LIMIT = 10_000
_A_PART = "join fewer lists, or take a part, as `xs[0..<100]`; a list in a list counts with all its items"
TURN = 10
"""What an item of a list that is worked out costs, beside its value."""


class Context(Protocol):
    """What an expression needs of the place it stands in."""

    def name(self, text: str, span: Span) -> Any: ...

    def callee(self, text: str, span: Span) -> Any: ...

    def block_input(self, span: Span) -> Any: ...

    def call(self, callee: Any, call: tree.Call) -> Any: ...

    def spend(self, work: int, span: Span) -> None: ...


def evaluate(expression: tree.Expression, names: Context, *, units: bool = False, constrains: bool = False) -> Any:
    """The value of an expression. Raises `Fault`.

    Args:
        units: allows `138M`, as claims do.
        constrains: whether nothing but an error comes of it, as with `where`: counts may then be compared.
    """
    evaluator = _Evaluator(names, units, constrains)
    try:
        return evaluator.value(expression)
    except RecursionError:
        help = "give parts of it names of their own, with `let`"
        raise Fault(BUDGET_EXCEEDED, "the expression is nested too deeply", expression.span, helps=(help,)) from None
    finally:
        names.spend(evaluator.work, expression.span)


def truth(value: Any, span: Span) -> Condition:
    """A value as a condition, which may depend on sizes that are open. Raises `Fault` where it is none."""
    if isinstance(value, Condition):
        return value
    kind = kind_of(value)
    helps = ("compare it with something: `stride != 1`",) if isinstance(value, int) else ()
    raise Fault(KIND_MISMATCH, f"expected a condition, found {kind}", span, f"this is {kind}", helps=helps)


def fill_holes(text: str, span: Span, written: Callable[[tree.Expression], str], kind: Kind) -> str:
    """A string with its holes filled, `block{i}`. Raises `Fault`, of this kind where one cannot be read."""
    # A hole in the text is the same in the source, though escapes may stand before it.
    starts = (span.start + found.start(1) for found in _HOLE.finditer(span.text))

    def fill(hole: re.Match[str]) -> str:
        start = next(starts)
        expression, problems = _parse_hole(span.source, start, start + len(hole.group(1)))
        if expression is None:
            raise Fault(kind, problems[0].message, span, "in a hole of this")
        return written(expression)

    return _HOLE.sub(fill, text)


def holes(string: tree.String | tree.Label) -> Iterator[tree.Expression]:
    """What stands in the holes of a string."""
    for found in _HOLE.finditer(string.span.text):
        expression, _ = _parse_hole(
            string.span.source, string.span.start + found.start(1), string.span.start + found.end(1)
        )
        if expression is not None:
            yield expression


_HOLE = re.compile(r"\{([^{}]*)\}")
_parse_hole = lru_cache(maxsize=256)(parse_expression)
"""A string in a loop is read once."""


class _Inside:
    """The names of a place, and the variables of a list that is worked out there."""

    def __init__(self, names: Context, variables: dict[str, Any]) -> None:
        self.names = names
        self.variables = variables

    def name(self, text: str, span: Span) -> Any:
        return self.variables[text] if text in self.variables else self.names.name(text, span)

    def callee(self, text: str, span: Span) -> Any:
        return self.variables[text] if text in self.variables else self.names.callee(text, span)

    def block_input(self, span: Span) -> Any:
        return self.names.block_input(span)

    def call(self, callee: Any, call: tree.Call) -> Any:
        return self.names.call(callee, call)

    def spend(self, work: int, span: Span) -> None:
        self.names.spend(work, span)


class _Evaluator:
    def __init__(self, names: Context, units: bool, constrains: bool) -> None:
        self.names = names
        self.units = units
        self.constrains = constrains
        self.work = 1

    def value(self, expression: tree.Expression) -> Any:
        value = _METHODS[type(expression)](self, expression)
        items = _items(value)
        if items > LENGTH_LIMIT:
            raise Fault(
                BUDGET_EXCEEDED, f"a list of more than {LENGTH_LIMIT:_} items", expression.span, helps=(_A_PART,)
            )
        self.work += 1 + items
        return value

    def number(self, expression: tree.Expression) -> int | Fraction:
        value = self.value(expression)
        if not is_number(value):
            kind = kind_of(value)
            raise Fault(KIND_MISMATCH, f"expected a number, found {kind}", expression.span, f"this is {kind}")
        found: int | Fraction = value  # an open size stands for an int
        return found

    def integer(self, expression: tree.Expression) -> int:
        value = self.number(expression)
        if isinstance(value, Size):
            raise open_question(f"the value of `{value}` is open", expression.span)
        if not isinstance(value, int):
            message = f"expected a whole number, found {show(value)}"
            raise Fault(NOT_AN_INTEGER, message, expression.span, show(value), helps=(TO_WHOLE,))
        return value

    def condition(self, expression: tree.Expression) -> bool:
        return settled(self.truth(expression), expression.span)

    def truth(self, expression: tree.Expression) -> Condition:
        """A condition, which may depend on sizes that are open."""
        return truth(self.value(expression), expression.span)

    def _number(self, e: tree.Number) -> int | Fraction:
        if e.unit and not self.units:
            raise Fault(
                MALFORMED_NUMBER,
                f"`{e.span.text}` has a unit, and units are for claims alone",
                e.span,
                helps=(f"write `{simplify(e.value):_}`",),
                edit=Edit(e.span, f"{simplify(e.value):_}"),
            )
        return bounded(e.value, e.span)

    def _window(self, e: tree.Window) -> Window:
        return Window(e.sizes)

    def _string(self, e: tree.String) -> str:
        text = fill_holes(e.text, e.span, self._written, KIND_MISMATCH)
        if len(text) > STRING_LIMIT:
            message = f"a string of more than {STRING_LIMIT:_} characters"
            raise Fault(BUDGET_EXCEEDED, message, e.span, helps=("write less into its holes, `{...}`",))
        return text

    def _written(self, hole: tree.Expression) -> str:
        """What stands in a string where an expression stood in braces."""
        value = self.value(hole)
        if isinstance(value, Size):
            raise open_hole("string", value, hole.span)
        if isinstance(value, bool) or not isinstance(value, int | Fraction | str):
            raise Fault(
                KIND_MISMATCH, f"a hole of a string holds a number or a string, not {kind_of(value)}", hole.span
            )
        if isinstance(value, str):
            return value
        text = str(value) if isinstance(value, int) else repr(float(value))
        return f"({text})" if value < 0 else text

    def _boolean(self, e: tree.Boolean) -> bool:
        return e.value

    def _list(self, e: tree.List) -> tuple[Any, ...]:
        return data_of([(self.value(item), item) for item in e.items])

    def _comprehension(self, e: tree.Comprehension) -> tuple[Any, ...]:
        items: list[tuple[Any, tree.Expression]] = []
        outside, size = self.names, 0
        parts = items_of(self.value(e.values), e.values)
        if counted(parts):
            raise steers(e.values.span)
        for part in parts:
            self.names = _Inside(outside, parts_of(part, e.names, e.values))
            try:
                if e.condition is None or self.condition(e.condition):
                    items.append((self.value(e.item), e.item))
                    size += 1 + _items(items[-1][0])
            finally:
                self.names = outside
            self.names.spend(self.work + TURN, e.span)
            self.work = 0
            if size > LENGTH_LIMIT:
                break
        return data_of(items)

    def _name(self, e: tree.Name) -> Any:
        if "." not in e.text:
            return self.names.name(e.text, e.span)
        head, *attributes = e.text.split(".")
        try:
            value = self.names.name(head, e.span._replace(end=e.span.start + len(head)))
        except Fault as fault:
            raise (_in_framework(e) if head in FRAMEWORKS else fault) from None
        for attribute in attributes:
            value = tensor_attribute(value, attribute, e.span)
        return value

    def _in(self, e: tree.In) -> Any:
        return self.names.block_input(e.span)

    def _attribute(self, e: tree.Attribute) -> Any:
        return tensor_attribute(self.value(e.base), e.name.text, e.span)

    def _call(self, e: tree.Call) -> Any:
        try:
            callee = self.names.callee(e.callee.text, e.callee.span)
        except Fault as fault:
            raise reworded(fault, e) from None
        if isinstance(callee, Function):
            return self._function(callee.name, e)
        return self.names.call(callee, e)

    def _function(self, name: str, e: tree.Call) -> Any:
        for argument in e.arguments:
            if argument.name is not None:
                raise Fault(KIND_MISMATCH, f"`{name}` takes its arguments by position", argument.span)
        arguments = [self.value(a.value) for a in e.arguments]
        if counted(arguments):
            raise steers(e.span)
        try:
            return apply_function(name, arguments)
        except (TypeError, ValueError, IndexError, ZeroDivisionError) as error:
            reason = str(error) if isinstance(error, Misuse) else f"`{name}` cannot take these arguments"
            raise Fault(BAD_ARITHMETIC, reason, e.span) from None

    def _index(self, e: tree.Index) -> Any:
        base = self.value(e.base)
        items = base.items if isinstance(base, Tensors) else base
        if not isinstance(items, tuple):
            message = f"expected a list, found {kind_of(base)}"
            raise Fault(KIND_MISMATCH, message, e.base.span, helps=advice_on_items(base, e))
        if isinstance(e.index, tree.Range):
            indices = self._range(e.index, e.base.span.text)
            if counted(indices):
                raise steers(e.index.span)
            picked = tuple(self._item(items, i, e) for i in indices)
            return Tensors(picked, is_list=True) if isinstance(base, Tensors) else picked
        index = self.integer(e.index)
        if isinstance(index, Count):
            raise steers(e.index.span)
        item = self._item(items, index, e)
        return Tensors((item,)) if isinstance(base, Tensors) else item

    def _item(self, items: tuple[Any, ...], index: int, e: tree.Index) -> Any:
        if not -len(items) <= index < len(items):
            raise Fault(
                BAD_ARITHMETIC, f"there is no item {index} in a list of {len(items)}", e.index.span, f"= {index}"
            )
        return items[index]

    def _range(self, e: tree.Range, indexed: str = "") -> tuple[int, ...]:
        first, last = self.integer(e.first), self.integer(e.last)
        step = 1 if e.step is None else self.integer(e.step)
        if step == 0:
            raise Fault(BAD_ARITHMETIC, "a range cannot go by 0", e.span)
        end = last if e.operator == "..<" else _beyond(last, 1 if step > 0 else -1)
        count = max(-(-(end - first) // step), 0)
        if count > LENGTH_LIMIT:
            message = f"a range of {count:_} items; {LENGTH_LIMIT:_} are allowed"
            help = f"turns that need no number are `repeat {count:_} {{ ... }}`"
            raise Fault(BUDGET_EXCEEDED, message, e.span, helps=(help,))
        if step * (first - last) > step * step:
            raise wrong_way(e, f"{first}{e.operator}{last}", step, indexed if last < 0 else "")
        if isinstance(step, Count):
            raise steers(e.span)
        numbers = range(first, end, step)
        return turns(numbers, first, end) if counted((first, last)) else tuple(numbers)

    def _unary(self, e: tree.Unary) -> Any:
        if e.operator == "not":
            return denied(self.truth(e.operand))
        value = self.number(e.operand)
        return arithmetic("-", 0, value, e) if e.operator == "-" else value

    def _conditional(self, e: tree.Conditional) -> Any:
        return self.value(e.then if self.condition(e.condition) else e.otherwise)

    def _binary(self, e: tree.Binary) -> Any:
        operator = e.operator
        if operator in ("and", "or"):
            left_truth = self.truth(e.left)
            if left_truth is (operator == "or"):
                return left_truth
            return (both if operator == "and" else either)(left_truth, self.truth(e.right))
        if operator in ("==", "!="):
            same = self._equal(e)
            return same if operator == "==" else denied(same)
        if operator == "+":
            return self._sum(e)
        left, right = self.number(e.left), self.number(e.right)
        if operator in COMPARISONS:
            self._check_compared(left, right, e)
        return arithmetic(operator, left, right, e)

    def _check_compared(self, left: Any, right: Any, e: tree.Binary) -> None:
        """Raises `Fault` where something hangs on a count."""
        if counted((left, right)) and not (self.constrains or is_settled(left, right)):
            raise steers(e.span)

    def _sum(self, e: tree.Binary) -> Any:
        """Numbers added, or lists joined."""
        left = self.value(e.left)
        if isinstance(left, tuple):
            return self._joined(left, e)
        if not is_number(left):
            raise Fault(KIND_MISMATCH, f"expected a number or a list, found {kind_of(left)}", e.left.span)
        return arithmetic("+", left, self.number(e.right), e)

    def _equal(self, e: tree.Binary) -> Condition:
        left, right = self.value(e.left), self.value(e.right)
        for value, side in ((left, e.left), (right, e.right)):
            if isinstance(value, Tensors):
                raise Fault(KIND_MISMATCH, "tensors cannot be compared", side.span, "compare `.shape` or `.channels`")
        self._check_compared(left, right, e)
        return equal_data(left, right)

    def _joined(self, left: tuple[Any, ...], e: tree.Binary) -> tuple[Any, ...]:
        right = self.value(e.right)
        if not isinstance(right, tuple):
            raise Fault(KIND_MISMATCH, f"a list and {kind_of(right)} cannot be added", e.right.span, kind_of(right))
        return left + right


_METHODS: dict[type, Callable[[_Evaluator, Any], Any]] = {
    kind: getattr(_Evaluator, f"_{kind.__name__.lower()}") for kind in get_args(tree.Expression)
}


def _in_framework(e: tree.Name) -> Fault:
    """`F.relu`: an operator with the module that another framework keeps it in."""
    *heads, name = e.text.split(".")
    message = f"`{e.text}`: operators stand alone, without `{'.'.join(heads)}`"
    return Fault(UNKNOWN_NAME, message, e.span, helps=(f"write `{name}`",), edit=Edit(e.span, name))


def _beyond(last: int, step: int) -> int:
    """What comes after the last number of a range."""
    return last.moved(last + step, step) if isinstance(last, Count) else last + step


def _items(value: Any) -> int:
    """Items of a list, with those of the lists in it; none of anything else."""
    return len(value) + sum(map(_items, value)) if isinstance(value, tuple) else 0
