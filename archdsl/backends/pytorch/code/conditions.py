"""Which instances of a class have a part -> a condition on the parameters of its constructor.

The spec says it best, so the operations of the block's declaration come first: each is worked out for every instance, and
where the values are those asked for, it is written in Python. Failing that, a comparison is looked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set
from functools import cached_property
from itertools import chain, permutations, product
from typing import Any, NamedTuple

from archdsl.backends.pytorch.code.layout import literal
from archdsl.backends.pytorch.code.parameters import ABSENT, CHANCE, Absent, Expression, Parameters, Row, alike, compact
from archdsl.ir import NAMED_SIZES, Module, Operation

MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
NEGATED = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}

STRENGTH = {"+": 1, "-": 1, "*": 2, "//": 2, "%": 2}
"""Operators of whole numbers that mean the same in Python: the stronger binds first."""

_COMPARISON = re.compile(r"(?P<name>\w+)(?: ([=!<>]=|[<>]) (\d+))?")

Answers = Sequence[bool | Absent]


class Condition(NamedTuple):
    """Python text with its answer for each instance."""

    text: str
    names: tuple[str, ...]
    values: tuple[bool, ...]
    operator: str = ""
    """`and` or `or`, where it is made of several."""

    def answers(self, asked: Answers) -> bool:
        return all(a is ABSENT or a == v for a, v in zip(asked, self.values, strict=True))


class Conditions:
    """The conditions that a class may use."""

    def __init__(self, modules: Sequence[Module], parameters: Parameters) -> None:
        self.modules = modules
        self.parameters = parameters
        self._given = [({p.name: p.value for p in m.parameters}, _sizes(m)) for m in modules]

    def express(self, asked: Answers, wanted: str, default: bool = False) -> str:
        """The text of a condition with these answers; `wanted` names the parameter that it becomes if there is none."""
        found = self._find(asked) if self.parameters.find(asked) is None else None
        if found is None:
            return self.parameters.express(asked, wanted, default=default)
        return self.parameters.use(Expression(found.text, found.names, found.values))

    def are_told(self, asked: Answers) -> bool:
        """Whether a condition of the spec, or a parameter, has these answers."""
        return self.parameters.find(asked) is not None or any(c.answers(asked) for c in self._of_spec)

    def value(self, values: Sequence[Row], wanted: str, owner: str = "") -> str:
        """The text of a value: as the spec works it out, or one of two by a condition of it, `3 if stride != 1 else 1`."""
        chosen = ""
        kinds = {type(v) for v in values} - {Absent}
        if len({*values} - {ABSENT}) > 1 and (kinds <= {int, tuple} or kinds == {bool}):
            chosen = "" if self.parameters.find(values, wanted) is not None else self._as_in_spec(values)
        return chosen or self.parameters.express(values, wanted, owner)

    def _as_in_spec(self, values: Sequence[Row]) -> str:
        written = chain(self._arithmetic, (Expression(c.text, c.names, c.values) for c in self._of_spec))
        found = next((e for e in written if e.fits(values)), None)
        return self._one_of_two(values) if found is None else self.parameters.use(found)

    def _one_of_two(self, values: Sequence[Row]) -> str:
        """Two numbers, or two parameters."""
        for condition in self._of_spec[::2]:
            parts = [
                [v if answer is side else ABSENT for v, answer in zip(values, condition.values, strict=True)]
                for side in (True, False)
            ]
            given = [set(part) - {ABSENT} for part in parts]
            if not condition.names or not all(given):
                continue
            known = [self.parameters.among(part) for part in parts]
            if all(len(numbers) == 1 for numbers in given):
                texts = [literal(value) for (value,) in given]
            elif None not in known:
                texts = [self.parameters.use(e) for e in known if e is not None]
            else:
                continue
            asked = self.parameters.use(Expression(condition.text, condition.names, condition.values))
            return f"{texts[0]} if {asked} else {texts[1]}"
        return ""

    def _find(self, asked: Answers) -> Condition | None:
        candidates = chain(self._of_spec, self._comparisons())
        return next((condition for condition in candidates if condition.answers(asked)), None)

    @cached_property
    def _of_spec(self) -> list[Condition]:
        """The conditions of the block's declaration and of what is inlined into it, each before its opposite."""
        asked = (operation for operation in self._operations if operation.operator not in STRENGTH)
        found = (self._translated(operation, is_negated) for operation in asked for is_negated in (False, True))
        return [condition for condition in found if condition is not None]

    @cached_property
    def _arithmetic(self) -> list[Expression]:
        """What the declaration works out of parameters, where code can say it with those of the class."""
        found = (self._worked_out(operation) for operation in self._operations if operation.operator in STRENGTH)
        return [e for e in found if e is not None and e.names]

    @property
    def _operations(self) -> tuple[Operation, ...]:
        return self.modules[0].operations

    def _values(self, operation: Operation) -> tuple[Any, ...] | None:
        """Its value for each instance; None where some have none."""
        values = tuple(operation.value(*given) for given in self._given)
        return None if None in values else values

    def _translated(self, operation: Operation, is_negated: bool) -> Condition | None:
        """A condition of the spec in Python, or its opposite; None where that cannot be said in parameters."""
        if operation.operator == "not":
            return self._translated(operation.operands[0], not is_negated)
        if operation.operator in ("and", "or"):
            left, right = (self._translated(side, is_negated) for side in operation.operands)
            word = operation.operator if not is_negated else {"and": "or", "or": "and"}[operation.operator]
            return None if left is None or right is None else _joined(left, right, word)
        return self._comparison(operation, is_negated)

    def _comparison(self, operation: Operation, is_negated: bool) -> Condition | None:
        values = self._values(operation)
        if values is None:
            return None
        answers = tuple(bool(v) is not is_negated for v in values)
        if len(set(answers)) == 1:
            return Condition(str(answers[0]), (), answers)
        if operation.operator not in NEGATED:
            found = self.parameters.find(tuple(a is not is_negated for a in answers))
            return None if found is None else Condition(f"{'not ' * is_negated}{found.text}", found.names, answers)
        left, right = map(self._side, operation.operands)
        if left is None or right is None:
            return None
        sign = NEGATED[operation.operator] if is_negated else operation.operator
        if not left.names and right.names:
            left, right, sign = right, left, MIRRORED.get(sign, sign)
        return Condition(f"{left.text} {sign} {right.text}", (*left.names, *right.names), answers)

    def _worked_out(self, operation: Operation) -> Expression | None:
        """Arithmetic of whole numbers in Python; None where it cannot be said in parameters."""
        if operation.operator not in STRENGTH:
            return self._side(operation)
        left, right = map(self._worked_out, operation.operands)
        found = self._values(operation)
        if left is None or right is None or found is None:
            return None
        values = tuple(map(compact, found))
        if not (left.names or right.names) and set(values) <= {(0,), (1,)}:
            return Expression(literal(values[0]), (), values)
        if values == left.values and not right.names:  # `channels * 1`
            return left
        texts = [_within(e.text, i, operation) for i, e in enumerate((left, right))]
        return Expression(f" {operation.operator} ".join(texts), (*left.names, *right.names), values)

    def _side(self, operation: Operation) -> Expression | None:
        found = self._values(operation)
        if found is None:
            return None
        values = alike([compact(v) for v in found])
        if all(type(v) is type(values[0]) and v == values[0] for v in values):
            return Expression(literal(values[0]), (), values)
        return self.parameters.find(values)

    def _comparisons(self) -> Iterator[Condition]:
        """Comparisons of one parameter with a number, and of the channels or features of an input with another."""
        settled = [e for e in self.parameters.expressions if ABSENT not in e.values]
        are_flags = {e.text: all(isinstance(v, bool) for v in e.values) for e in settled}
        for e in settled:
            if are_flags[e.text]:
                yield Condition(e.text, e.names, tuple(map(bool, e.values)))
                yield Condition(f"not {e.text}", e.names, tuple(not v for v in e.values))
                continue
            for number, operator in product((1, 0), ("==", "!=")):
                answers = tuple((v == number) is (operator == "==") for v in e.values)
                yield Condition(f"{e.text} {operator} {number}", e.names, answers)
        counts = {name for name, order in self.parameters.sizes.items() if order < CHANCE}
        for a, b in permutations(settled, 2):
            if a.text < b.text and are_flags[a.text] is are_flags[b.text] and counts & {a.text, b.text}:
                for operator in ("==", "!="):
                    pairs = zip(a.values, b.values, strict=True)
                    answers = tuple((x == y) is (operator == "==") for x, y in pairs)
                    yield Condition(f"{a.text} {operator} {b.text}", (*a.names, *b.names), answers)


def _sizes(module: Module) -> dict[str | int, int]:
    """The sizes of the first input by their names, and by the numbers of their axes."""
    if not module.inputs:
        return {}
    shape, is_moved = module.inputs[0].type.shape, module.inputs[0].channels != 0
    known = (
        name
        for name, (_, needed) in NAMED_SIZES.items()
        if len(shape) >= needed and (name == "features" or not is_moved)
    )
    return {**dict(enumerate(shape)), **{name: shape[NAMED_SIZES[name][0]] for name in known}}


def _within(text: str, side: int, outer: Operation) -> str:
    """The text of an operand, in parentheses where its own operator would bind later."""
    inner, own = STRENGTH.get(outer.operands[side].operator), STRENGTH[outer.operator]
    if inner is None:  # a name may stand for an expression of a parameter
        return f"({text})" if " " in text and outer.operator != "+" else text
    return f"({text})" if inner < own or (inner == own and side) else text


def _joined(left: Condition, right: Condition, word: str) -> Condition:
    """`a and b`; what is the same for all instances is left out."""
    decisive = word == "or"
    for one, other in ((left, right), (right, left)):
        if len(set(one.values)) == 1:
            return one if one.values[0] is decisive else other
    answers = tuple((a or b) if word == "or" else (a and b) for a, b in zip(left.values, right.values, strict=True))
    texts = [f"({c.text})" if c.operator not in ("", word) else c.text for c in (left, right)]
    return Condition(f" {word} ".join(texts), (*left.names, *right.names), answers, word)


def attribute_of(condition: str, wanted: str, taken: Set[str]) -> tuple[str, dict[str, str]]:
    """An attribute that keeps a condition for `forward`, and what stands there for it and for its opposite.

    `stride = stride` and `self.stride != 1`, where a parameter tells by itself; else a flag of the name that is wanted.
    """
    comparison = _COMPARISON.fullmatch(condition)
    if comparison is None or comparison["name"] in taken:
        return f"{wanted} = {condition}", {}
    name, operator, number = comparison.groups()
    texts = (f" {operator} {number}", f" {NEGATED[operator]} {number}") if operator else ("", "")
    not_ = "" if operator else "not "
    own = {f"self.{wanted}": f"self.{name}{texts[0]}", f"not self.{wanted}": f"{not_}self.{name}{texts[1]}"}
    return f"{name} = {name}", own
