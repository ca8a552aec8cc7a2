"""Sizes that a spec leaves open: whole numbers as polynomials over symbols and exact floors of such.

A `Size` stands where an `int` stands in a shape. It adds, multiplies and divides (rounding down) exactly; whatever would
need its value raises `OpenSize`. Two sizes are equal where they are the same formula in its normal form; `agree` asks
whether they have the same value. An order is asked of the domain of the symbols, which knows what values they may have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property, reduce
from math import gcd
from operator import and_
from typing import TYPE_CHECKING, Any, cast

from archdsl.ir.sizes.formulas import (
    Coefficients,
    Floor,
    Symbol,
    Terms,
    degree,
    order,
    period_of,
    quotient,
    show_atom,
    show_terms,
    symbols_in,
    value_of,
    weight,
)

if TYPE_CHECKING:
    from archdsl.ir.sizes.domain import Domain

LARGEST_SIZE = 2**40
"""No size and no count of a spec is larger."""
TERMS_LIMIT = 200
"""A longer formula helps nobody, and its products take long."""
WEIGHT_LIMIT = 1_000
"""Symbols and quotients of a formula, those inside of quotients too."""
PRODUCTS_LIMIT = 20 * TERMS_LIMIT
"""Products of terms that are added up in one multiplication."""
STEP = 20
"""The work of bringing one formula into its normal form, beside its terms."""


class OpenSize(ArithmeticError):
    """A size is asked for its value, and the spec leaves it open."""


class LongFormula(OpenSize):
    """A size whose formula has more terms than anybody reads."""

    def __init__(self) -> None:
        super().__init__(f"a formula of more than {TERMS_LIMIT} terms")


class Size:
    """A size as a formula. Made by `Domain.size` and by arithmetic; what turns out to be a number is an `int`."""

    def __init__(self, domain: Domain, terms: Terms) -> None:
        self.domain = domain
        self.terms = terms

    # Arithmetic

    def __add__(self, other: Any) -> Any:
        terms = _terms(other)
        if terms is None:
            return NotImplemented
        if terms == (((), 0),):
            return self
        found = dict(self.terms)
        for monomial, factor in terms:
            found[monomial] = found.get(monomial, 0) + factor
        return from_terms(self.domain, found)

    __radd__ = __add__

    def __neg__(self) -> Any:
        return self * -1

    def __sub__(self, other: Any) -> Any:
        return self + -other

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, float):
            raise OpenSize(f"{self} times {other}")
        terms = _terms(other)
        if terms is None:
            return NotImplemented
        self.domain.work += len(terms) * len(self.terms)
        if len(terms) * len(self.terms) > PRODUCTS_LIMIT:
            raise LongFormula
        found: Coefficients = {}
        for left, a in self.terms:
            for right, b in terms:
                monomial = tuple(sorted((*left, *right), key=show_atom))
                found[monomial] = found.get(monomial, 0) + a * b
        return from_terms(self.domain, found)

    __rmul__ = __mul__

    def __pow__(self, exponent: int) -> Any:
        if not isinstance(exponent, int) or not 0 <= exponent <= 16:
            raise OpenSize(f"{self} to the power of {exponent}")
        found: Any = 1
        for _ in range(exponent):
            found = found * self
        return found

    def __floordiv__(self, divisor: Any) -> Any:
        if isinstance(divisor, Size):
            return self._ratio(divisor)
        if not isinstance(divisor, int):
            raise OpenSize(f"{self} divided by {divisor}")
        if divisor < 0:
            return -self // -divisor
        return _floor(self.domain, dict(self.terms), divisor)

    def _ratio(self, divisor: Size) -> Any:
        """The quotient by a formula, where every term of this one has it as a factor."""
        if self == divisor:
            return 1
        if len(divisor.terms) != 1:
            raise OpenSize(f"{self} divided by {divisor}")
        ((shared, by),) = divisor.terms
        found: Coefficients = {}
        for monomial, factor in self.terms:
            rest = list(monomial)
            for atom in shared:
                if atom not in rest or factor % by:
                    raise OpenSize(f"{self} divided by {divisor}")
                rest.remove(atom)
            found[tuple(rest)] = factor // by
        return from_terms(self.domain, found)

    def __mod__(self, divisor: Any) -> Any:
        return self - divisor * (self // divisor)

    def __divmod__(self, divisor: Any) -> Any:
        return self // divisor, self % divisor

    def __rfloordiv__(self, other: Any) -> Any:
        if other == 0:
            return 0
        raise OpenSize(f"{other} divided by {self}")

    __rmod__ = __rfloordiv__

    def __truediv__(self, other: Any) -> Any:
        raise OpenSize(f"{self} divided by {other} without rounding")

    __rtruediv__ = __truediv__

    def __floor__(self) -> Size:
        return self

    __ceil__ = __trunc__ = __floor__

    def __index__(self) -> int:
        number = self.domain.simplified(self)
        if isinstance(number, Size):
            raise OpenSize(f"the value of {self}")
        return number

    # Comparisons

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Size) and self.terms == other.terms and self.domain is other.domain

    def __hash__(self) -> int:
        return hash((id(self.domain), self.terms))

    def __ge__(self, other: Any) -> bool:
        return self.domain.assumes_order(self, other)

    def __gt__(self, other: Any) -> bool:
        return self.domain.assumes_order(self, other + 1)

    def __le__(self, other: Any) -> bool:
        return self.domain.assumes_order(other, self)

    def __lt__(self, other: Any) -> bool:
        return self.domain.assumes_order(other, self + 1)

    def __bool__(self) -> bool:
        return self.domain.assumes_order(self, 1)

    # What a formula is made of

    def at(self, values: Mapping[str, int]) -> int:
        """Its value where the symbols have these values."""
        return value_of(self.terms, values)

    def by_degree(self) -> dict[int, int]:
        """Its terms by how many sizes they are products of, the most first."""
        simple = self.domain.simplified(self)
        terms = simple.terms if isinstance(simple, Size) else (((), simple),)
        degrees = sorted({degree(m) for m, _ in terms}, reverse=True)
        return {d: from_terms(self.domain, {m: c for m, c in terms if degree(m) == d}) for d in degrees}

    @cached_property
    def symbols(self) -> frozenset[str]:
        return frozenset(symbols_in(self.terms))

    @cached_property
    def period(self) -> int | None:
        """A step of its symbol after which it has grown by the same amount everywhere; None where there is no such step."""
        return period_of(self.terms)

    def __str__(self) -> str:
        simple = self.domain.simplified(self)
        return show_terms(simple.terms) if isinstance(simple, Size) else str(simple)

    def __format__(self, spec: str) -> str:
        return format(str(self), spec.strip("_,d"))

    __repr__ = __str__


def open_size(value: object) -> Size | None:
    """The value, if it is a size that is left open."""
    return value if isinstance(value, Size) else None


def operand_text(size: Any) -> str:
    """A size as it stands beside a sign of arithmetic or an `x`: sums in parentheses."""
    text = str(size)
    return f"({text})" if " " in text or "//" in text else text


def is_open(shape: tuple[object, ...]) -> bool:
    """Whether some of its sizes are left open."""
    return any(isinstance(n, Size) for n in shape)


def at_example(numbers: tuple[int, ...]) -> tuple[int, ...]:
    """Sizes, of open ones the values in the example."""
    return tuple([n.at(n.domain.example) if isinstance(n, Size) else n for n in numbers])


def agree(left: int, right: int) -> bool:
    """Whether two sizes have the same value. Of open ones it is assumed, if it may be, and kept as a condition."""
    if left == right:
        return True
    size = open_size(left - right)
    return size is not None and size.domain.assumes_equal(left, right)


def always_agree(left: int, right: int) -> bool:
    """Whether two sizes have the same value whatever is left open. Nothing is assumed."""
    size = open_size(left - right)
    return left == right if size is None else size.domain.is_equal(left, right)


def added(values: Iterable[int]) -> int:
    """The sum of many, of which some may be open: the terms of a long sum are put in order once."""
    number, domain = 0, None
    found: Coefficients = {}
    for value in values:
        size = open_size(value)
        if size is None:
            number += value
            continue
        domain = size.domain
        for monomial, factor in size.terms:
            found[monomial] = found.get(monomial, 0) + factor
    return number if domain is None else from_terms(domain, found) + number


def primitive(size: Size) -> int:
    """A formula without the numbers and the symbols, which are never 0, that all of its terms have as factors."""
    shared = reduce(and_, (Counter(atom for atom in m if isinstance(atom, Symbol)) for m, _ in size.terms))
    factors = dict(size.terms)
    by = gcd(*factors.values()) * (1 if (-factors.get((), 0) or size.terms[0][1]) > 0 else -1)
    found: Coefficients = {}
    for monomial, factor in size.terms:
        rest = list(monomial)
        for atom in shared.elements():
            rest.remove(atom)
        found[tuple(rest)] = factor // by
    return from_terms(size.domain, found)


def _terms(value: Any) -> Terms | None:
    if isinstance(value, Size):
        return value.terms
    return (((), value),) if isinstance(value, int) else None


def from_terms(domain: Domain, coefficients: Coefficients) -> int:
    """The sum in its normal form. It stands for an `int`, so it is typed as one."""
    terms = tuple(sorted(((m, c) for m, c in coefficients.items() if c), key=order))
    if not terms:
        return 0
    if terms[0][0] == ():
        return terms[0][1]
    domain.work += STEP + len(terms)
    if len(terms) > TERMS_LIMIT or weight(terms) > WEIGHT_LIMIT:
        raise LongFormula
    shorter = _rounded_up(domain, terms)
    return cast(int, Size(domain, terms)) if shorter is None else shorter


def _rounded_up(domain: Domain, terms: Terms) -> int | None:
    """`H - H//2` as `(H + 1)//2`: a floor that is taken away as one that is added, where the sum gets shorter."""
    for monomial, factor in terms:
        atom = monomial[0] if len(monomial) == 1 else None
        if factor < 0 and isinstance(atom, Floor):
            negated = {m: -c for m, c in atom.terms}
            negated[()] = negated.get((), 0) + atom.divisor - 1
            found = {m: c for m, c in terms if m != monomial}
            for m, c in quotient(negated, atom.divisor):
                found[m] = found.get(m, 0) - factor * c
            if sum(map(bool, found.values())) < len(terms):
                return from_terms(domain, found)
    return None


def symbol(domain: Domain, name: str) -> int:
    """The size that a symbol stands for."""
    return from_terms(domain, {(Symbol(name),): 1})


def _floor(domain: Domain, coefficients: Coefficients, divisor: int) -> int:
    return from_terms(domain, dict(quotient(coefficients, divisor)))
