"""Numbers between which a formula stays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor

from archdsl.ir.sizes.formulas import Floor, Monomial, Symbol, Terms

LONGEST = 6
"""Sizes in a product that is taken apart into what they are at least and what they have more."""
Least = tuple[tuple[str, int], ...]
"""Numbers that some symbols are never below, by their names."""


def bounds(terms: Terms, least: Least = ()) -> tuple[int | None, int | None]:
    """Numbers that a formula never goes below and above, where every symbol is at least 1; None where there is no such.

    Args:
        least: the numbers that some symbols are never below.
    """
    low, high = (_from_least(side, least) for side in (dict(terms), {m: -c for m, c in terms}))
    return None if low is None else ceil(low), None if high is None else floor(-high)


def _from_least(terms: Mapping[Monomial, int], least: Least) -> Fraction | None:
    """A number that a sum never goes below: else its value where all atoms are least, if it only grows from there, as
    `H*W - 2*H - 2*W` does from 3 on."""
    low = _lowest(terms, least)
    if low is not None or max(map(len, terms), default=0) > LONGEST:
        return low
    grown: dict[Monomial, Fraction] = {}
    for monomial, factor in terms.items():
        product: dict[Monomial, Fraction] = {(): Fraction(factor)}
        for atom in monomial:
            lowest = _atom_range(atom, least)[0]
            if lowest is None:
                return None
            more = {(*m, atom): c for m, c in product.items()}
            product = {m: lowest * product.get(m, 0) + more.get(m, 0) for m in product | more}
        for m, c in product.items():
            grown[m] = grown.get(m, Fraction(0)) + c
    at_least = grown.pop((), Fraction(0))
    return at_least if all(c >= 0 for c in grown.values()) else None


def _lowest(terms: Mapping[Monomial, int], least: Least) -> Fraction | None:
    found: dict[Monomial, Fraction] = {m: Fraction(c) for m, c in terms.items()}
    _cancel(found, least)
    while True:
        quotient = next((m for m, c in found.items() if c and len(m) == 1 and isinstance(m[0], Floor)), None)
        if quotient is None:
            break
        factor = found.pop(quotient)
        atom = quotient[0]
        assert isinstance(atom, Floor)
        for monomial, inside in atom.terms:
            found[monomial] = found.get(monomial, Fraction(0)) + factor * Fraction(inside, atom.divisor)
        if factor > 0:
            found[()] = found.get((), Fraction(0)) - factor * Fraction(atom.divisor - 1, atom.divisor)
    _cancel(found, least)
    total = Fraction(0)
    for monomial, c in found.items():
        if not c:
            continue
        low, high = _range(monomial, least)
        end = low if c > 0 else high
        if end is None:
            return None
        total += c * end
    return total


def _cancel(factors: dict[Monomial, Fraction], least: Least) -> None:
    """Leaves out `c (x y - x)`, which is at least 0: what is taken away is less than a product that it is a part of."""
    more = [m for m, c in factors.items() if c > 0]
    for part in [m for m, c in factors.items() if c < 0 and m]:
        for product in more:
            if factors[part] < 0 < factors[product] and _is_part(part, product, least):
                both = min(-factors[part], factors[product])
                factors[part] += both
                factors[product] -= both


def _is_part(part: Monomial, product: Monomial, least: Least) -> bool:
    """Whether a product is another one times atoms that are at least 1."""
    rest = Counter(product)
    rest.subtract(part)
    for atom, count in rest.items():
        low = _atom_range(atom, least)[0]
        if count < 0 or low is None or low < (1 if count else 0):
            return False
    return True


def _range(monomial: Monomial, least: Least) -> tuple[Fraction | None, Fraction | None]:
    """The least and the greatest value of a product of atoms."""
    low, high = Fraction(1), Fraction(1)
    unbounded = False
    for atom in monomial:
        lowest, most = _atom_range(atom, least)
        if lowest is None or lowest < 0:
            return None, None
        low *= lowest
        if most is None:
            unbounded = True
        else:
            high *= most
    return low, None if unbounded else high


@lru_cache(maxsize=4096)
def _atom_range(atom: Symbol | Floor, least: Least) -> tuple[Fraction | None, Fraction | None]:
    if isinstance(atom, Symbol):
        return Fraction(dict(least).get(atom.name, 1)), None
    low, high = _lowest(dict(atom.terms), least), _lowest({m: -c for m, c in atom.terms}, least)
    return (
        None if low is None else Fraction(floor(low / atom.divisor)),
        None if high is None else Fraction(floor(-high / atom.divisor)),
    )
