"""Numbers between which a formula stays."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor

from archdsl.ir.formulas import Floor, Monomial, Symbol, Terms


def bounds(terms: Terms) -> tuple[int | None, int | None]:
    """Numbers that a formula never goes below and above, where every symbol is at least 1; None where there is no such."""
    low, high = _lowest(dict(terms)), _lowest({m: -c for m, c in terms})
    return None if low is None else ceil(low), None if high is None else floor(-high)


def _lowest(terms: Mapping[Monomial, int]) -> Fraction | None:
    found: dict[Monomial, Fraction] = {m: Fraction(c) for m, c in terms.items()}
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
    total = Fraction(0)
    for monomial, c in found.items():
        if not c:
            continue
        low, high = _range(monomial)
        end = low if c > 0 else high
        if end is None:
            return None
        total += c * end
    return total


def _range(monomial: Monomial) -> tuple[Fraction | None, Fraction | None]:
    """The least and the greatest value of a product of atoms."""
    low, high = Fraction(1), Fraction(1)
    unbounded = False
    for atom in monomial:
        least, most = _atom_range(atom)
        if least is None or least < 0:
            return None, None
        low *= least
        if most is None:
            unbounded = True
        else:
            high *= most
    return low, None if unbounded else high


@lru_cache(maxsize=4096)
def _atom_range(atom: Symbol | Floor) -> tuple[Fraction | None, Fraction | None]:
    if isinstance(atom, Symbol):
        return Fraction(1), None
    low, high = _lowest(dict(atom.terms)), _lowest({m: -c for m, c in atom.terms})
    return (
        None if low is None else Fraction(floor(low / atom.divisor)),
        None if high is None else Fraction(floor(-high / atom.divisor)),
    )
