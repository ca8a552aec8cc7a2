"""Which instances of a class have a part -> a condition on the parameters of its constructor.

The spec says it best, so the conditions of the block's declaration come first: each is worked out for every instance,
and where the answers are those asked for, its text is written in Python. Failing that, a comparison is looked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set
from fractions import Fraction
from functools import cached_property
from itertools import chain, permutations, product
from typing import Any, NamedTuple

from archdsl.backends.pytorch.code.layout import literal
from archdsl.backends.pytorch.code.parameters import ABSENT, CHANCE, Absent, Expression, Parameters, Row, alike, compact
from archdsl.elaborate import Fault, Tensors, evaluate, holes
from archdsl.ir import Module
from archdsl.source import Source, Span
from archdsl.syntax import parse, tree

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


class Declarations:
    """The blocks of the sources that a network was made from. A source is read when it is first asked for."""

    def __init__(self) -> None:
        self._blocks: dict[Source, list[tree.Block]] = {}

    def around(self, span: Span) -> tree.Block | None:
        """The block that a place stands in."""
        if span.source not in self._blocks:
            found, _ = parse(span.source)
            self._blocks[span.source] = [item for item in found.items if isinstance(item, tree.Block)]
        return next((b for b in self._blocks[span.source] if _holds(b.span, span)), None)


class Conditions:
    """The conditions that a class may use."""

    def __init__(self, modules: Sequence[Module], parameters: Parameters, declarations: Declarations) -> None:
        self.modules = modules
        self.parameters = parameters
        self.declarations = declarations

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
        return [condition for block, names in self._scopes for condition in self._conditions(block, names)]

    @cached_property
    def _arithmetic(self) -> list[Expression]:
        """What the declaration works out of parameters, where code can say it with those of the class."""
        written = ((e, names) for block, names in self._scopes for e in _walk(block.body) if isinstance(e, tree.Binary))
        found = (self._worked_out(expression, names) for expression, names in written)
        return [e for e in found if e is not None and e.names]

    @cached_property
    def _scopes(self) -> list[tuple[tree.Block, list[_Names]]]:
        """The declaration and those that are inlined into it, with what names stand for there in each instance."""
        block = self.declarations.around(self.modules[0].origin.span)
        if block is None:
            return []
        values = [{p.name: p.value for p in m.parameters} for m in self.modules]
        names = [_Names(v, m, block) for v, m in zip(values, self.modules, strict=True)]
        inlined = [
            (inner, [_Names(_bound(call, inner, n), n.module, inner) for n in names])
            for call, inner in self._inlined(block)
        ]
        return [(block, names), *inlined]

    def _conditions(self, block: tree.Block, names: Sequence[_Names]) -> Iterator[Condition]:
        for statement in _walk(block.body):
            asked = _condition(statement)
            if asked is not None:
                found = [self._translated(asked, names, is_negated) for is_negated in (False, True)]
                yield from (condition for condition in found if condition is not None)

    def _inlined(self, block: tree.Block) -> Iterator[tuple[tree.Call, tree.Block]]:
        """The calls in the block that were inlined, with what they call."""
        calls = {c.span: c for c in _walk(block.body) if isinstance(c, tree.Call)}
        seen: set[Span] = set()
        for node in (n for m in self.modules for n in m.nodes if n.origin.frames):
            call = calls.get(node.origin.frames[0].span)
            inside = [f.span for f in node.origin.frames[1:]] or [node.origin.span]
            inner = self.declarations.around(inside[0])
            if call is not None and inner is not None and call.span not in seen:
                seen.add(call.span)
                yield call, inner

    def _translated(self, expression: tree.Expression, names: Sequence[_Names], is_negated: bool) -> Condition | None:
        """A condition of the spec in Python, or its opposite; None where that cannot be said in parameters."""
        if isinstance(expression, tree.Unary) and expression.operator == "not":
            return self._translated(expression.operand, names, not is_negated)
        if isinstance(expression, tree.Binary) and expression.operator in ("and", "or"):
            left = self._translated(expression.left, names, is_negated)
            right = self._translated(expression.right, names, is_negated)
            word = expression.operator if not is_negated else {"and": "or", "or": "and"}[expression.operator]
            return None if left is None or right is None else _joined(left, right, word)
        try:
            return self._comparison(expression, names, is_negated)
        except (Fault, LookupError):
            return None

    def _comparison(self, expression: tree.Expression, names: Sequence[_Names], is_negated: bool) -> Condition | None:
        answers = tuple(bool(evaluate(expression, n)) is not is_negated for n in names)
        if len(set(answers)) == 1:
            return Condition(str(answers[0]), (), answers)
        if not isinstance(expression, tree.Binary) or expression.operator not in NEGATED:
            found = self.parameters.find(tuple(a is not is_negated for a in answers))
            return None if found is None else Condition(f"{'not ' * is_negated}{found.text}", found.names, answers)
        sides = [self._side(side, names) for side in (expression.left, expression.right)]
        if None in sides:
            return None
        left, right = sides
        assert left is not None and right is not None
        operator = NEGATED[expression.operator] if is_negated else expression.operator
        if not left.names and right.names:
            left, right, operator = right, left, MIRRORED.get(operator, operator)
        return Condition(f"{left.text} {operator} {right.text}", (*left.names, *right.names), answers)

    def _worked_out(self, expression: tree.Expression, names: Sequence[_Names]) -> Expression | None:
        """Arithmetic of whole numbers in Python; None where it cannot be said in parameters."""
        if not isinstance(expression, tree.Binary):
            try:
                return self._side(expression, names)
            except (Fault, LookupError):
                return None
        if expression.operator not in STRENGTH:
            return None
        sides = [self._worked_out(side, names) for side in (expression.left, expression.right)]
        left, right = sides
        if left is None or right is None:
            return None
        try:
            values = tuple(compact(evaluate(expression, n)) for n in names)
        except (Fault, LookupError):
            return None
        if not (left.names or right.names) and set(values) <= {(0,), (1,)}:
            return Expression(literal(values[0]), (), values)
        if values == left.values and not right.names:  # `channels * 1`
            return left
        texts = [
            _within(e.text, side, expression)
            for e, side in zip((left, right), (expression.left, expression.right), strict=True)
        ]
        return Expression(f" {expression.operator} ".join(texts), (*left.names, *right.names), values)

    def _side(self, expression: tree.Expression, names: Sequence[_Names]) -> Expression | None:
        values = alike([compact(evaluate(expression, n)) for n in names])
        if all(type(v) is type(values[0]) and v == values[0] for v in values):
            if isinstance(values[0], Fraction):  # which no parameter is: rates are floats
                return None
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


class _Names:
    """What names in a block's conditions stand for in one instance: its parameters and what `let` makes of them."""

    def __init__(self, values: dict[str, Any], module: Module, block: tree.Block) -> None:
        self.module = module
        self._values = values
        self._lets = {s.name.text: s.value for s in _walk(block.body) if isinstance(s, tree.Let)}

    def name(self, text: str, span: Span) -> Any:
        if text in self._lets:  # worked out once; until it is, its own name stands for a parameter
            self._values[text] = evaluate(self._lets.pop(text), self)
        return self._values[text]

    def callee(self, text: str, span: Span) -> Any:
        raise LookupError(text)

    def block_input(self, span: Span) -> Any:
        return Tensors(tuple(self.module.inputs[:1]))

    def call(self, callee: Any, call: tree.Call) -> Any:
        raise LookupError(callee)

    def spend(self, steps: int, span: Span) -> None:
        """The spec has been paid for."""


def _condition(syntax: tree.Syntax) -> tree.Expression | None:
    """What is asked there: of an `if`, or by an argument, `bias=a > b`."""
    if isinstance(syntax, tree.If | tree.ArmIf | tree.Conditional):
        return syntax.condition
    if isinstance(syntax, tree.Argument) and isinstance(syntax.value, tree.Binary | tree.Unary):
        return syntax.value if syntax.value.operator in (*NEGATED, "and", "or", "not") else None
    return None


def _bound(call: tree.Call, block: tree.Block, names: _Names) -> dict[str, Any]:
    """The parameters of an inlined block in one instance, as far as they are data."""
    positional = [p.name.text for p in block.parameters]
    given = {p.name.text: p.default for p in block.parameters if p.default is not None}
    given |= {a.name.text if a.name is not None else positional[i]: a.value for i, a in enumerate(call.arguments)}
    found: dict[str, Any] = {}
    for name, expression in given.items():
        try:
            found[name] = evaluate(expression, names)
        except (Fault, LookupError):
            continue
    return found


def _within(text: str, side: tree.Expression, outer: tree.Binary) -> str:
    """An operand, in parentheses where its own operator would bind later."""
    if not isinstance(side, tree.Binary):  # a name may stand for an expression of a parameter
        return f"({text})" if " " in text and outer.operator != "+" else text
    inner, own = STRENGTH[side.operator], STRENGTH[outer.operator]
    return f"({text})" if inner < own or (inner == own and side is outer.right) else text


def _joined(left: Condition, right: Condition, word: str) -> Condition:
    """`a and b`; what is the same for all instances is left out."""
    decisive = word == "or"
    for one, other in ((left, right), (right, left)):
        if len(set(one.values)) == 1:
            return one if one.values[0] is decisive else other
    answers = tuple((a or b) if word == "or" else (a and b) for a, b in zip(left.values, right.values, strict=True))
    texts = [f"({c.text})" if c.operator not in ("", word) else c.text for c in (left, right)]
    return Condition(f" {word} ".join(texts), (*left.names, *right.names), answers, word)


def _holds(outer: Span, inner: Span) -> bool:
    return outer.source is inner.source and outer.start <= inner.start and inner.end <= outer.end


def _walk(syntax: Any) -> Iterator[tree.Syntax]:
    """A node of the tree and everything below it, in the holes of a string too."""
    if isinstance(syntax, tree.String):
        yield from _walk([*holes(syntax)])
    if isinstance(syntax, tree.Syntax):
        yield syntax
        for field in syntax.fields:
            yield from _walk(getattr(syntax, field))
    elif isinstance(syntax, list):
        for item in syntax:
            yield from _walk(item)


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
