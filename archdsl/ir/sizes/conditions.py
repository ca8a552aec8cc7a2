"""Conditions on the symbols of a spec: formulas compared, and what `and`, `or` and `not` make of that."""

from __future__ import annotations

from collections.abc import Mapping
from math import lcm
from typing import TYPE_CHECKING, Any

from archdsl.ir.sizes.formulas import Terms, show_terms, weight
from archdsl.ir.sizes.size import Size, open_size, primitive

if TYPE_CHECKING:
    from archdsl.ir.sizes.domain import Domain

ENUMERATED = 20_000
"""Values of one symbol that are tried out to decide a question."""


class Relation:
    """A formula compared with 0."""

    __slots__ = ("is_equation", "size")

    def __init__(self, size: Size, is_equation: bool) -> None:
        self.size = size
        self.is_equation = is_equation
        """Whether it says `= 0`; else `>= 0`."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Relation) and (self.size, self.is_equation) == (other.size, other.is_equation)

    def __hash__(self) -> int:
        return hash((self.size, self.is_equation))

    @property
    def domain(self) -> Domain:
        return self.size.domain

    def at(self, values: Mapping[str, int]) -> bool:
        value = self.size.at(values)
        return value == 0 if self.is_equation else value >= 0

    def __str__(self) -> str:
        return self.show("==" if self.is_equation else ">=")

    def show(self, relation: str) -> str:
        """`H >= 188`: what is added on the one side of the relation, what is taken away on the other."""
        simple = None if self.is_equation else open_size(self.domain.simplified(self.size))
        terms = (self.size if simple is None else simple).terms
        left: Terms = tuple((m, c) for m, c in terms if c > 0 and m)
        right = tuple((m, -c) for m, c in terms if c < 0 or not m)
        sides = [show_terms(side) or "0" for side in (left, right)]
        if self.is_equation:
            sides.sort(key=len)
        return f"{sides[0]} {relation} {sides[1]}"


class Compound:
    """Conditions joined by `and`, `or`, or one denied by `not`."""

    __slots__ = ("parts", "word")

    def __init__(self, word: str, *parts: Relation | Compound) -> None:
        self.word = word
        self.parts = parts

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Compound) and (self.word, self.parts) == (other.word, other.parts)

    def __hash__(self) -> int:
        return hash((self.word, self.parts))

    @property
    def domain(self) -> Domain:
        return self.parts[0].domain

    def __str__(self) -> str:
        if self.word == "not":
            (part,) = self.parts
            return part.show("!=") if isinstance(part, Relation) else f"not ({part})"
        return f" {self.word} ".join(f"({p})" if isinstance(p, Compound) else str(p) for p in self.parts)

    def at(self, values: Mapping[str, int]) -> bool:
        answers = (part.at(values) for part in self.parts)
        return all(answers) if self.word == "and" else any(answers) if self.word == "or" else not next(answers)


Condition = bool | Relation | Compound
"""Something that holds or not once the symbols have values."""


def at_least(left: Any, right: Any) -> Condition:
    """The condition `left >= right`."""
    difference = left - right
    return Relation(difference, False) if isinstance(difference, Size) else bool(difference >= 0)


def equal(left: Any, right: Any) -> Condition:
    """The condition `left == right`, of what is left without common factors: `width == 3*(width//3)` for so many times `T`."""
    difference = left - right
    rest = primitive(difference) if isinstance(difference, Size) else difference
    return Relation(rest, True) if isinstance(rest, Size) else bool(rest == 0)


def both(left: Condition, right: Condition) -> Condition:
    """The condition `left and right`."""
    return _joined("and", left, right)


def either(left: Condition, right: Condition) -> Condition:
    """The condition `left or right`."""
    return _joined("or", left, right)


def denied(condition: Condition) -> Condition:
    """The condition `not ...`."""
    if isinstance(condition, bool):
        return not condition
    if isinstance(condition, Relation) and not condition.is_equation:
        return at_least(-1, condition.size)
    return Compound("not", condition)


def _joined(word: str, left: Condition, right: Condition) -> Condition:
    if isinstance(left, bool):
        return left if left is (word == "or") else right
    if isinstance(right, bool):
        return right if right is (word == "or") else left
    return Compound(word, *_alternatives(word, left), *_alternatives(word, right))


def _alternatives(word: str, condition: Relation | Compound) -> tuple[Relation | Compound, ...]:
    """The parts of what is joined by a word, so that a long row of conditions is one, and not each in the next."""
    return condition.parts if isinstance(condition, Compound) and condition.word == word else (condition,)


def symbols_of(condition: Relation | Compound) -> frozenset[str]:
    """The names of its symbols."""
    if isinstance(condition, Relation):
        return condition.size.symbols
    return frozenset().union(*map(symbols_of, condition.parts))


def weight_of(condition: Relation | Compound) -> int:
    """How many symbols and quotients it is written with."""
    if isinstance(condition, Relation):
        return weight(condition.size.terms)
    return sum(map(weight_of, condition.parts))


def cycle(condition: Relation | Compound) -> tuple[int, int] | None:
    """From where on, and with which period, the answer repeats with its one symbol; None where that is not known."""
    if isinstance(condition, Compound):
        cycles = [cycle(part) for part in condition.parts]
        if None in cycles:
            return None
        return max(c[0] for c in cycles if c), lcm(*(c[1] for c in cycles if c))
    period = condition.size.period
    if period is None or period > ENUMERATED:
        return None
    (name,) = condition.size.symbols
    first = [condition.size.at({name: v}) for v in range(1, period + 1)]
    growth = condition.size.at({name: 1 + period}) - first[0]
    if not growth:
        return 1, period
    turns = max(map(abs, first)) // abs(growth) + 1
    return 1 + turns * period, period
