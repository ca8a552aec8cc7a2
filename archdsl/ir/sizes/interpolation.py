"""The polynomial that a figure is of the numbers that it was worked out at.

What n equal turns of a loop add to a total is linear in n, and what they add where each is larger than the one before by
the same amount is a sum of powers of the turn's number: a polynomial of a degree that is one higher (Graham, Knuth &
Patashnik 1994, equation 6.78). So a few values tell all of it, and further ones that it was not made from put it to the test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from math import lcm

from archdsl.ir.sizes.domain import Domain
from archdsl.ir.sizes.formulas import Floor, Monomial, Symbol, Terms, order, show_atom
from archdsl.ir.sizes.size import Size, from_terms

DEGREE = 3
"""Turns that are each larger than the one before in two ways, as in width and in length."""
Polynomial = dict[Monomial, Fraction]
Places = tuple[int, ...]


def through(values: Mapping[Places, int], names: Sequence[str], domain: Domain) -> int | None:
    """The one polynomial of the names that has all of the values, in a domain that has them.

    Args:
        values: by what the names stand for; the values of each name in their order, with all of those of the others. A
            value may itself be a formula of other symbols.

    Returns:
        None where there is none of a degree of up to three in each name, with a value to spare.
    """
    if any(len({places[i] for places in values}) <= DEGREE + 1 for i in range(len(names))):
        return None
    formulas = {places: dict(_terms(value)) for places, value in values.items()}
    found: Polynomial = {}
    for monomial in dict.fromkeys(m for formula in formulas.values() for m in formula):
        column = tuple((places, formula.get(monomial, 0)) for places, formula in formulas.items())
        grown = _factor(column, tuple(names))
        if grown is None:
            return None
        for counts, factor in grown.items():
            _add(found, tuple(sorted((*monomial, *counts), key=show_atom)), factor)
    whole = {m: int(c) for m, c in found.items() if c.denominator == 1}
    rest = {m: c for m, c in found.items() if c.denominator > 1}
    denominator = lcm(*(c.denominator for c in rest.values()))
    terms = tuple(sorted(((m, int(c * denominator)) for m, c in rest.items()), key=order))
    return from_terms(domain, {**whole, (Floor(terms, denominator),): 1} if rest else whole)


def _terms(value: int) -> Terms:
    return value.terms if isinstance(value, Size) else (((), value),)


@lru_cache(maxsize=1024)
def _factor(column: tuple[tuple[Places, int], ...], names: tuple[str, ...]) -> Polynomial | None:
    """The polynomial through numbers: many terms of figures grow alike, and most of them not at all."""
    _, first = column[0]
    if all(number == first for _, number in column):
        return {(): Fraction(first)}
    return _through({places: {(): Fraction(number)} for places, number in column}, names)


def _through(values: Mapping[Places, Polynomial], names: Sequence[str]) -> Polynomial | None:
    if not names:
        return values[()]
    rows: dict[int, dict[Places, Polynomial]] = {}
    for (place, *others), value in values.items():
        rows.setdefault(place, {})[tuple(others)] = value
    places: dict[int, Polynomial] = {}
    for place, row in rows.items():
        inner = _through(row, names[1:])
        if inner is None:
            return None
        places[place] = inner
    return _line(places, Symbol(names[0]))


def _line(values: Mapping[int, Polynomial], symbol: Symbol) -> Polynomial | None:
    """The polynomial in one symbol by Newton's divided differences; None where further values are none of it."""
    used = list(values)[: DEGREE + 1]
    column = [values[place] for place in used]
    found: Polynomial = {}
    product: list[Fraction] = [Fraction(1)]
    for step, place in enumerate(used, 1):
        for power, factor in enumerate(product):
            for monomial, coefficient in column[0].items():
                grown = tuple(sorted((*monomial, *[symbol] * power), key=show_atom))
                _add(found, grown, coefficient * factor)
        column = [
            _difference(after, before, used[i + step] - used[i]) for i, (before, after) in enumerate(pairwise(column))
        ]
        product = [
            low - place * high for low, high in zip([Fraction(0), *product], [*product, Fraction(0)], strict=True)
        ]
    for place, value in values.items():
        if _at(found, symbol, place) != {m: c for m, c in value.items() if c}:
            return None
    return found


def _difference(after: Polynomial, before: Polynomial, distance: int) -> Polynomial:
    return {m: (after.get(m, Fraction(0)) - before.get(m, Fraction(0))) / distance for m in {**after, **before}}


def _at(polynomial: Polynomial, symbol: Symbol, value: int) -> Polynomial:
    found: Polynomial = {}
    for monomial, factor in polynomial.items():
        rest = tuple(atom for atom in monomial if atom != symbol)
        _add(found, rest, factor * value ** (len(monomial) - len(rest)))
    return {m: c for m, c in found.items() if c}


def _add(polynomial: Polynomial, monomial: Monomial, factor: Fraction) -> None:
    polynomial[monomial] = polynomial.get(monomial, Fraction(0)) + factor
