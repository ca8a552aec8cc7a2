"""Formulas of whole numbers: polynomials over symbols and exact floors of such, as plain data.

Floors are put into a normal form: `floor((2 n + 3) / 2)` is `n + 1`, and nested floors become one,
`floor((floor(a / m) + b) / d) = floor((a + m b) / (m d))` for whole b (Graham, Knuth & Patashnik 1994, equation 3.11).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from functools import lru_cache
from math import gcd, lcm
from typing import NamedTuple


class Symbol(NamedTuple):
    """A size that has a name: `H`."""

    name: str


class Floor(NamedTuple):
    """A quotient, rounded down."""

    terms: Terms
    divisor: int


Atom = Symbol | Floor
Monomial = tuple[Atom, ...]
"""A product of atoms, in the order of their texts; the empty one is 1."""
Terms = tuple[tuple[Monomial, int], ...]
"""A sum: products with their factors, the highest degree first."""
Coefficients = dict[Monomial, int]


def order(term: tuple[Monomial, int]) -> tuple[int, list[str]]:
    """The key by which terms are sorted."""
    return _order(term[0])


@lru_cache(maxsize=4096)
def _order(monomial: Monomial) -> tuple[int, list[str]]:
    return -len(monomial), [show_atom(a) for a in monomial]


def degree(monomial: Monomial) -> int:
    """How many sizes it is a product of; a quotient counts as the product of most that is in it."""
    return sum(1 if isinstance(a, Symbol) else max(degree(m) for m, _ in a.terms) for a in monomial)


def quotient(coefficients: Coefficients, divisor: int) -> Iterable[tuple[Monomial, int]]:
    """The terms of a quotient rounded down: its whole part, and at most one floor in lowest terms."""
    whole = {m: c // divisor for m, c in coefficients.items()}
    rest = {m: c % divisor for m, c in coefficients.items() if c % divisor}
    constant = rest.pop((), 0)
    shared = gcd(divisor, *rest.values())
    rest = {m: c // shared for m, c in rest.items()}
    whole[()] = whole.get((), 0) + (constant // shared) // (divisor // shared)
    divisor, rest[()] = divisor // shared, (constant // shared) % (divisor // shared)
    inner = next((m for m, c in rest.items() if c == 1 and len(m) == 1 and isinstance(m[0], Floor)), None)
    if inner is not None and divisor > 1:
        (atom,) = inner
        assert isinstance(atom, Floor)
        nested = {m: c * atom.divisor for m, c in rest.items() if m != inner}
        for monomial, factor in atom.terms:
            nested[monomial] = nested.get(monomial, 0) + factor
        added = dict(quotient(nested, divisor * atom.divisor))
    elif divisor > 1 and len(rest) > 1:
        added = {(Floor(tuple(sorted(((m, c) for m, c in rest.items() if c), key=order)), divisor),): 1}
    else:
        added = rest
    for monomial, factor in added.items():
        whole[monomial] = whole.get(monomial, 0) + factor
    return whole.items()


def value_of(terms: Terms, values: Mapping[str, int]) -> int:
    """The value of a sum where the symbols have these values."""
    total = 0
    for monomial, factor in terms:
        for atom in monomial:
            factor *= values[atom.name] if isinstance(atom, Symbol) else value_of(atom.terms, values) // atom.divisor
        total += factor
    return total


def symbols_in(terms: Terms) -> Iterator[str]:
    """The names of its symbols, each as often as it stands there."""
    for monomial, _ in terms:
        for atom in monomial:
            if isinstance(atom, Symbol):
                yield atom.name
            else:
                yield from symbols_in(atom.terms)


def weight(terms: Terms) -> int:
    """How many symbols and quotients it is written with."""
    return sum(_weight(atom) for monomial, _ in terms for atom in monomial)


@lru_cache(maxsize=4096)
def _weight(atom: Atom) -> int:
    return 1 if isinstance(atom, Symbol) else 1 + weight(atom.terms)


def polynomial(terms: Terms, remainder: Callable[[Floor], int | None]) -> dict[Monomial, Fraction]:
    """The sum without the floors whose remainder is known."""
    found: dict[Monomial, Fraction] = {}
    for monomial, factor in terms:
        if not any(isinstance(atom, Floor) and remainder(atom) is not None for atom in monomial):
            found[monomial] = found.get(monomial, Fraction(0)) + factor
            continue
        product: dict[Monomial, Fraction] = {(): Fraction(factor)}
        for atom in monomial:
            product = _product(product, _without_floor(atom, remainder))
        for m, c in product.items():
            found[m] = found.get(m, Fraction(0)) + c
    return found


def _without_floor(atom: Atom, remainder: Callable[[Floor], int | None]) -> dict[Monomial, Fraction]:
    rest = remainder(atom) if isinstance(atom, Floor) else None
    if rest is None:
        return {(atom,): Fraction(1)}
    assert isinstance(atom, Floor)
    inside = polynomial(atom.terms, remainder)
    inside[()] = inside.get((), Fraction(0)) - rest
    return {m: c / atom.divisor for m, c in inside.items()}


def _product(left: Mapping[Monomial, Fraction], right: Mapping[Monomial, Fraction]) -> dict[Monomial, Fraction]:
    found: dict[Monomial, Fraction] = {}
    for a, p in left.items():
        for b, q in right.items():
            monomial = tuple(sorted((*a, *b), key=show_atom))
            found[monomial] = found.get(monomial, Fraction(0)) + p * q
    return found


def period_of(terms: Terms) -> int | None:
    """A step after which a sum of one symbol has grown by the same amount everywhere; None where there may be none."""
    found = 1
    for monomial, _ in terms:
        if len(monomial) > 1:
            return None
        for atom in monomial:
            if isinstance(atom, Floor):
                inside = period_of(atom.terms)
                if inside is None:
                    return None
                found = lcm(found, inside * atom.divisor)
    return found


def repetition(terms: Terms, name: str) -> tuple[int, int] | None:
    """A step of a symbol in which a sum is a polynomial of it, and the degree; None where it may be none."""
    step, degree = 1, 0
    for monomial, _ in terms:
        own = [atom for atom in monomial if name in symbols_in((((atom,), 1),))]
        steps = [period_of((((atom,), 1),)) for atom in own]
        if None in steps:
            return None  # a floor of a product
        step, degree = lcm(step, *filter(None, steps)), max(degree, len(own))
    return step, degree


@lru_cache(maxsize=4096)
def show_atom(atom: Atom) -> str:
    """`H`, `(H + 1)//2`."""
    if isinstance(atom, Symbol):
        return atom.name
    inside = show_terms(atom.terms)
    return f"{inside if inside.isidentifier() else f'({inside})'}//{atom.divisor}"


@lru_cache(maxsize=4096)
def show_terms(terms: Terms) -> str:
    """`64*H*W + 128`, as the language writes it."""
    floor, constant = _with_offset(terms)
    if floor is not None:
        moved = dict(floor.terms)
        moved[()] = moved.get((), 0) + constant * floor.divisor
        terms = tuple(sorted(moved.items(), key=order))
        return show_atom(Floor(tuple(t for t in terms if t[1]), floor.divisor))
    text = ""
    for monomial, factor in terms:
        sign = "-" if factor < 0 else "+"
        product = _show_product(monomial, abs(factor))
        bare = f"({product})" if sign == "-" and len(monomial) == 1 and factor == -1 and "//" in product else product
        text += f" {sign} {product}" if text else product if sign == "+" else f"-{bare}"
    return text


def _with_offset(terms: Terms) -> tuple[Floor | None, int]:
    """A floor and the number added to it, if that is all: `(H + 4)//16 - 8` reads better as `(H - 124)//16`."""
    rest = dict(terms)
    constant = rest.pop((), 0)
    if len(rest) == 1:
        ((monomial, factor),) = rest.items()
        if factor == 1 and len(monomial) == 1 and isinstance(monomial[0], Floor):
            return monomial[0], constant
    return None, 0


def _show_product(monomial: Monomial, factor: int) -> str:
    atoms = [show_atom(a) for a in monomial]
    if factor == 1 and len(atoms) == 1:
        return atoms[0]
    parts = [a if a.isidentifier() else f"({a})" for a in atoms]
    shown = f"{factor:_}" if factor >= 10_000 else str(factor)
    return "*".join(parts if factor == 1 and parts else [shown, *parts])
