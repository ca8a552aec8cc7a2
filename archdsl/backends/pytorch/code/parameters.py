"""What differs between the instances of a class -> parameters of its constructor, and expressions of them.

A class stands for several instances; a value in its code has one row for each of them. A value that is the same in all
is written as it is. One that differs is written as the parameter that equals it in every row, or as a short expression
that does; what none explains becomes a parameter of its own. Nothing is guessed: every text that leaves this file
has been compared with all rows.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from enum import Enum
from itertools import combinations, permutations
from typing import NamedTuple

from archdsl.backends.pytorch.code.axes import COUNTS, AxisNames
from archdsl.backends.pytorch.code.layout import literal
from archdsl.backends.pytorch.code.names import unique, variable_name
from archdsl.ir import Datum, Literal, Module

WEAK = 3
"""A sum, and what has two numbers of its own, must hold for as many different values to be believed."""

OFTEN = 3
"""An expression of several parameters that is used so often gets a name."""

VERY_OFTEN = 6
"""So does one of a single parameter."""


CHANCE = 3
"""A size that counts no channels and no features: what else equals it does so by chance."""

MEASURES = ("length", "side", "height", "width", "pixels")
"""Of what enters: names for sizes."""


class Absent(Enum):
    """Stands in the rows of instances that lack a part."""

    ABSENT = 0


ABSENT = Absent.ABSENT
Row = Literal | Absent


class Expression(NamedTuple):
    """Python text over some parameters, with its value in each row."""

    text: str
    names: tuple[str, ...]
    values: tuple[Row, ...]

    def fits(self, values: Sequence[Row]) -> bool:
        """Whether it has these values, as far as they are asked for and it is settled, and is of their type where it is not."""
        kinds = {type(own) for own in self.values} - {Absent}
        return all(
            v is ABSENT or (type(v) in kinds if own is ABSENT else is_same(v, own))
            for v, own in zip(values, self.values, strict=True)
        )


class Parameter:
    """A parameter of a constructor."""

    def __init__(self, name: str, values: tuple[Row, ...], default: Literal | None = None) -> None:
        self.name = name
        self.values = values
        """For each instance; ABSENT where it makes no difference."""
        self.default = default

    @property
    def annotation(self) -> str:
        kinds = {_annotation(v) for v in self.values if v is not ABSENT}
        if "float" in kinds:  # which takes integers too, by PEP 484
            kinds.discard("int")
        return " | ".join(sorted(kinds, key=lambda kind: (kind.startswith("tuple"), kind)))

    @property
    def declaration(self) -> str:
        """`stride: int = 1`."""
        default = "" if self.default is None else f" = {literal(self.default)}"
        return f"{self.name}: {self.annotation}{default}"


class Parameters:
    """The parameters of a class, and what its code has used of them."""

    def __init__(self, modules: Sequence[Module], taken: frozenset[str], axes: AxisNames) -> None:
        self.declared = {p.name for m in modules for p in m.parameters}
        """What the block calls its own."""
        self.sizes: dict[str, int] = {}
        """The parameters that are sizes of an input, each with a number: the higher, the more do others equal it by chance."""
        self.expressions: list[Expression] = []
        """One for each parameter, used or not."""
        self.locals: dict[str, str] = {}
        """Names for expressions that are used often."""
        self._all: list[Parameter] = []
        self._taken = set(taken)
        self._known: dict[str, Expression] = {}
        self._said: set[int] = set()
        """Numbers that the code says."""
        self._uses: Counter[str] = Counter()
        if len(modules) > 1:
            self._add_inputs(modules, axes)
            self._add_declared(modules)

    @property
    def used(self) -> list[Parameter]:
        """In the order of the constructor: sizes of the input, then the rest; those with a default last."""
        names = {name for text in self._uses for name in self._known[text].names}
        return sorted((p for p in self._all if p.name in names), key=lambda p: p.default is not None)

    def begin_again(self) -> None:
        """Forgets the uses, so that the code can be written anew with the expressions that were found."""
        for text, count in self._uses.items():
            of_several = len(set(self._known[text].names)) > 1
            if " " in text and count >= (OFTEN if of_several else VERY_OFTEN) and text not in self.locals:
                is_spatial = any(self.sizes.get(name) == CHANCE for name in self._known[text].names)
                self.locals[text] = unique("size" if is_spatial else "hidden", self._taken | self.declared)
                self._taken.add(self.locals[text])
        self._uses.clear()

    def express(self, values: Sequence[Row], wanted: str, owner: str = "", default: Literal | None = None) -> str:
        """The text of a value.

        Args:
            wanted: a name for the parameter that it becomes if nothing else explains it.
            owner: what the value belongs to, where that name is taken.
        """
        present = [v for v in values if v is not ABSENT]
        namesake = next((e for e in self.expressions if e.text == wanted and ABSENT in values and e.fits(values)), None)
        if namesake is None and _are_equal(present):
            if type(present[0]) is int:
                self._said.add(present[0])
            return literal(present[0])
        found = self._settled(namesake, values) if namesake is not None else self.find(values, wanted)
        if found is None and default is None:
            sizes = self._each(values, wanted)
            if sizes:
                return f"({', '.join(sizes)}{',' * (len(sizes) == 1)})"
        return self.use(found or self._new(tuple(values), wanted, owner, default))

    def _each(self, values: Sequence[Row], wanted: str) -> list[str]:
        """The texts of the items of tuples, `in_channels, 1, 1`; none where some item is not explained."""
        rows = [v for v in values if isinstance(v, tuple)]
        if len(rows) < sum(v is not ABSENT for v in values) or len({len(r) for r in rows}) > 1:
            return []
        columns = [[v[i] if isinstance(v, tuple) else ABSENT for v in values] for i in range(len(rows[0]))]
        constant = [_are_equal([v for v in column if v is not ABSENT]) for column in columns]
        if not all(c or self.find(column, wanted) for c, column in zip(constant, columns, strict=True)):
            return []
        return [self.express(column, wanted) for column in columns]

    def find(self, values: Sequence[Row], wanted: str = "") -> Expression | None:
        """An expression that has these values, if there is a short one."""
        found = next((e for e in self._candidates(values, wanted) if e.fits(values)), None)
        return found and self._settled(found, values)

    def among(self, values: Sequence[Row]) -> Expression | None:
        """The parameter that has these values, if there is one already."""
        found = next((e for e in sorted(self.expressions, key=self._order) if e.fits(values)), None)
        return found and self._settled(found, values)

    def use(self, expression: Expression) -> str:
        """The expression's text, for code that will stand in the class."""
        self._known[expression.text] = expression
        self._uses[expression.text] += 1
        return self.locals.get(expression.text, expression.text)

    def attributes(self, texts: Sequence[str], wanted: Sequence[str], taken: Set[str]) -> dict[str, str]:
        """Attributes that keep values for `forward`: a parameter under its own name, no other value under such a one."""
        found: dict[str, str] = {}
        for text, name in sorted(zip(texts, wanted, strict=True), key=lambda pair: not pair[0].isidentifier()):
            if text not in found:
                own = "hidden" if name == "size" and "channels" in text else name
                used = {*taken, *found.values()}
                found[text] = unique(text, used) if text.isidentifier() else unique(own, used | self.declared)
        return found

    def _add_inputs(self, modules: Sequence[Module], axes: AxisNames) -> None:
        """The first axis of each input, and the one that layers count."""
        for index, value in enumerate(modules[0].inputs):
            shapes = [m.inputs[index].type.shape if index < len(m.inputs) else () for m in modules]
            if not all(len(s) == len(value.type.shape) > 0 for s in shapes):
                continue
            owner = variable_name(value.tap or "") or "other" if index else "in"
            names = axes.of(value)
            if names[:2] == ("height", "width") and all(s[0] == s[1] for s in shapes):
                names = ("side", *names[1:])
            for axis in sorted({0, *(a for a, name in enumerate(names) if name in COUNTS)}):
                name = names[axis] or "size"
                is_plain = not index and name not in (*COUNTS, *self.declared)
                size = self._add(name if is_plain else f"{owner}_{name}", tuple(s[axis] for s in shapes))
                self.sizes[size.text] = CHANCE if name not in COUNTS else 1 if index else 2

    def _add_declared(self, modules: Sequence[Module]) -> None:
        declared = [{p.name: p for p in m.parameters} for m in modules]
        for name, first in declared[0].items():
            found = alike([compact(d[name].value) for d in declared if name in d])
            if len(found) == len(modules) and not _are_equal(found) and len({isinstance(v, str) for v in found}) == 1:
                default = False if isinstance(found[0], bool) else None
                self._add(name, found, default if first.default is None else compact(first.default))

    def _add(self, name: str, values: tuple[Row, ...], default: Literal | None = None) -> Expression:
        name = unique(variable_name(name) or "value", self._taken)
        self._taken.add(name)
        self._all.append(Parameter(name, values, default))
        self.expressions.append(Expression(name, (name,), values))
        return self.expressions[-1]

    def _new(self, values: tuple[Row, ...], wanted: str, owner: str, default: Literal | None) -> Expression:
        """A parameter for values that nothing explains, with a default if one value is the rule."""
        common, times = Counter(v for v in values if v is not ABSENT).most_common(1)[0]
        if default is None and ABSENT in values:
            default = 0 if type(common) is int else common
        elif default is None and times * 2 > len(values):
            default = common
        if wanted in self._taken and owner:
            wanted = f"{owner.strip('_')}_{wanted}"
        return self._add(wanted, values, default)

    def _settled(self, expression: Expression, values: Sequence[Row]) -> Expression:
        """The expression, with a parameter's values where it had made no difference until now."""
        if ABSENT not in expression.values:
            return expression
        index = next(i for i, e in enumerate(self.expressions) if e.text == expression.text)
        pairs = zip(expression.values, values, strict=True)
        self._all[index].values = tuple(v if own is ABSENT else own for own, v in pairs)
        self.expressions[index] = expression._replace(values=self._all[index].values)
        if expression.text in self._known:
            self._known[expression.text] = self.expressions[index]
        return self.expressions[index]

    def _order(self, e: Expression) -> int:
        return self.sizes.get(e.text, 0)

    def _candidates(self, values: Sequence[Row], wanted: str) -> Iterator[Expression]:
        """Expressions that might have the values, the plainest first."""
        yield from sorted(self.expressions, key=self._order)
        yield from sorted(self._known.values(), key=lambda e: any(map(str.isdigit, e.text)))
        given = [(row, v) for row, v in enumerate(values) if type(v) is int]
        if len(given) < sum(v is not ABSENT for v in values):
            return
        numbers = [e for e in sorted(self.expressions, key=self._order) if _are_numbers(e.values)]
        row, first = max(given, key=lambda pair: pair[1])
        if wanted in MEASURES:  # what else gives them does so by chance
            yield from (_made(f"{e.text}**2", lambda v: v * v, e) for e in numbers if wanted == "pixels")
            return
        if wanted == "padding":
            windows = (e for e in numbers if e.text not in {*self.sizes, "stride", "dilation"})
            halves = [_made(f"{e.text} // 2", lambda v: v // 2, e) for e in windows]
            yield from halves
            for half in [e._replace(text=f"({e.text})") for e in halves]:
                yield from _multiples(half, row, first)
                yield from (
                    _made(f"{e.text} * {half.text}", operator.mul, e, half) for e in numbers if e.text == "dilation"
                )
        if wanted == "extra":
            for a, b in permutations(numbers, 2):
                multiples = _multiples(a, row, first + _number(b, row))
                yield from (_made(f"{m.text} - {b.text}", operator.sub, m, b) for m in (a, *multiples))
        for e in numbers:
            yield from _multiples(e, row, first)
        pairs = [(b, a) if a.text in self.sizes else (a, b) for a, b in combinations(numbers, 2)]
        products = [_made(f"{a.text} * {b.text}", operator.mul, a, b) for a, b in pairs]
        yield from products
        if wanted.startswith("in_"):
            # What a concatenation gives: the sum of two results, one of which may be the same in all.
            for e in numbers:
                yield from (s for s in _shifted(e, row, first) if int(s.text.split()[-1]) in self._said)
        if len({v for _, v in given}) < WEAK:
            return
        for a, b in pairs:
            yield from _sums(a, b)
        for e in products:
            yield from _multiples(e, row, first)
        for e in numbers:
            yield from _shifted(e, row, first)


def _made(text: str, function: Callable[..., int], *parts: Expression) -> Expression:
    """An expression of others, which are whole numbers in every row."""
    values = tuple(function(*row) for row in zip(*(p.values for p in parts), strict=True))
    return Expression(text, tuple(name for p in parts for name in p.names), values)


def _sums(a: Expression, b: Expression) -> Iterator[Expression]:
    yield _made(f"{a.text} + {b.text}", operator.add, a, b)
    yield _made(f"{a.text} - {b.text}", operator.sub, a, b)
    yield _made(f"{b.text} - {a.text}", operator.sub, b, a)


def _multiples(e: Expression, row: int, value: int) -> Iterator[Expression]:
    """The expression times, or divided by, the number that gives the value in a row."""
    own = e.values[row]
    if not isinstance(own, int) or not own or not value:
        return
    if value % own == 0:
        factor = value // own
        yield _made(f"{factor} * {e.text}", lambda v: factor * v, e)
    divisor = own // value
    if divisor and all(isinstance(v, int) and v % divisor == 0 for v in e.values):
        yield _made(f"{e.text} // {divisor}", lambda v: v // divisor, e)


def _number(e: Expression, row: int) -> int:
    value = e.values[row]
    assert isinstance(value, int)
    return value


def _shifted(e: Expression, row: int, value: int) -> Iterator[Expression]:
    """The expression plus, or minus, the number that gives the value in a row."""
    own = e.values[row]
    if isinstance(own, int):
        by = value - own
        yield _made(f"{e.text} {'-' if by < 0 else '+'} {abs(by)}", lambda v: v + by, e)


def compact(value: Datum) -> Literal:
    """One number where a window has the same size on all axes, as PyTorch's arguments are usually written."""
    if isinstance(value, tuple) and len(value) > 1 and all(type(v) is int and v == value[0] for v in value):
        return value[0]
    return value


def alike(values: Sequence[Literal]) -> tuple[Literal, ...]:
    """The values of one parameter: whole numbers are fractions where others are."""
    are_fractions = {type(v) for v in values} == {int, float}
    return tuple(float(v) if are_fractions and isinstance(v, int) else v for v in values)


def is_same(a: Row, b: Row) -> bool:
    """Whether two values are of one type and equal."""
    return type(a) is type(b) and (a == b or a is b)


def _are_equal(values: Sequence[Row]) -> bool:
    return all(is_same(v, values[0]) for v in values)


def _are_numbers(values: Sequence[Row]) -> bool:
    """Whether they are whole numbers, and not all the same."""
    return all(type(v) is int for v in values) and not _are_equal(values)


def _annotation(value: Row) -> str:
    if isinstance(value, tuple):
        return f"tuple[{', '.join(map(_annotation, value))}]"
    return type(value).__name__


def named_by_input(values: Sequence[Row], modules: Sequence[Module], axes: AxisNames) -> str:
    """A name for a size: what it is of the tensor that enters, where it is so in all instances."""
    entering = [m.inputs[0] for m in modules if m.inputs]
    if len(entering) < len(values) or len({v.type.rank for v in entering}) > 1:
        return "size"
    sizes = dict(zip(axes.of(entering[0]), zip(*(v.type.shape for v in entering), strict=True), strict=True))
    measures = {name: known for name, known in sizes.items() if name in MEASURES}
    if "height" in measures:
        heights, widths = measures["height"], measures["width"]
        measures = {"side": heights} if heights == widths else measures
        measures["pixels"] = tuple(h * w for h, w in zip(heights, widths, strict=True))
    return next((name for name, known in measures.items() if _are_as(values, known)), "size")


def _are_as(values: Sequence[Row], known: Sequence[int]) -> bool:
    return all(v is ABSENT or v == k for v, k in zip(values, known, strict=True))
