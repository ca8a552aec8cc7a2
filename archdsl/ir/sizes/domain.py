"""What values the symbols of a spec may have, and what can be said of formulas for all of them.

A network with open sizes is built once, for all its sizes together. Where an operator asks something of a size that has
one answer for all values (an output of at least one row), that is the answer. Where both answers are possible, the
answer is that of an example, and the network holds for the sizes that answer alike: this is kept as a condition, with
the operator that asked. What a spec states with `where` is known from the place of the statement on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import product
from math import gcd, lcm, prod
from typing import Any, NamedTuple

from archdsl.ir.sizes.bounds import bounds
from archdsl.ir.sizes.conditions import (
    ENUMERATED,
    Compound,
    Condition,
    Relation,
    at_least,
    denied,
    equal,
    symbols_of,
    weight_of,
)
from archdsl.ir.sizes.formulas import (
    Coefficients,
    Floor,
    Monomial,
    Symbol,
    Terms,
    polynomial,
    repetition,
    symbols_in,
    weight,
)
from archdsl.ir.sizes.size import LARGEST_SIZE, OpenSize, Size, from_terms, open_size, symbol
from archdsl.ir.sizes.values import Values, common_cycle, extended

TRIED = 3
"""The work of trying out one value, beside that of each symbol and quotient of its formula."""


class Assumed(NamedTuple):
    """A condition that the spec implies: something in it works for the sizes alone that meet it."""

    condition: Relation | Compound
    context: Any
    """What asked: set by whoever applies operators."""


class Domain:
    """The symbols of one network with an example of their values.

    Args:
        example: values that the network is likely to work for; questions without one answer are answered for them.
    """

    def __init__(self, example: Mapping[str, int]) -> None:
        self.example = dict(example)
        self.given: list[Relation | Compound] = []
        """What the spec states with `where`."""
        self.assumed: list[Assumed] = []
        """What its operators need."""
        self.context: Any = None
        self._known: dict[Relation | Compound, bool] = {}
        self._instead: dict[str, Any] = {}
        """What stated equations say of a symbol in others: `H == 2 * W`."""
        self._values: dict[str, Values | None] = {}
        self._simplified: dict[Terms, int] = {}
        self._remainders: dict[Floor, int | None] = {}
        self._is_closed = False
        self.work = 0
        """Steps of its arithmetic, and values tried out: whoever elaborates a spec bounds them, and sets this back to 0."""

    def size(self, name: str) -> int:
        """The size that a symbol stands for. Raises KeyError for a name without an example."""
        self.example[name]
        return symbol(self, name)

    def state(self, condition: Relation | Compound) -> None:
        """Takes a condition for granted from now on."""
        parts = condition.parts if isinstance(condition, Compound) and condition.word == "and" else None
        for part in parts or ():
            self.state(part)
        if parts is None and condition not in self.given:
            self.given.append(condition)
            self._narrow(condition)
            self._replace(condition)

    def _narrow(self, condition: Relation | Compound) -> None:
        """Leaves its symbol the values that meet it, and forgets formulas that may be simpler now."""
        names = symbols_of(condition)
        if len(names) == 1:
            (name,) = names
            self._values[name] = self._narrowed(self.values(name), condition)
        self._simplified.clear()
        self._remainders.clear()

    def _replace(self, condition: Relation | Compound) -> None:
        """Notes what an equation of several symbols says of one."""
        if not isinstance(condition, Relation) or not condition.is_equation:
            return
        size = open_size(self._in_others(condition.size))
        if size is None or len(size.symbols) < 2:
            return
        for name in sorted(size.symbols, reverse=True):
            alone = self.size(name)
            for rest in (alone - size, alone + size):
                if not isinstance(rest, Size) or name not in rest.symbols:
                    self._instead[name] = rest
                    self._instead |= {n: self._in_others(s) for n, s in self._instead.items()}
                    return

    def _in_others(self, size: int | Size) -> int:
        """A formula without the symbols that equations say something of."""
        formula = open_size(size)
        if formula is None:
            return int(size)
        return formula.at({name: self._instead.get(name, self.size(name)) for name in formula.symbols})

    def close(self) -> None:
        """Ends the assumptions: from now on a question without one answer raises `OpenSize`."""
        self._is_closed = True

    def reopen(self) -> None:
        """Lets a network be built anew for the same symbols: blocks that are as before are not elaborated again."""
        self._is_closed = False
        self.work = 0

    @property
    def conditions(self) -> list[Relation | Compound]:
        return [*self.given, *(a.condition for a in self.assumed)]

    def needs(self, name: str) -> list[Assumed]:
        """Of the assumptions about one symbol, those that neither the spec states nor others imply."""
        listed = self.values(name)
        if listed is None:
            return []
        about = [a for a in self.assumed if symbols_of(a.condition) == {name}]
        stated = [c for c in self.given if symbols_of(c) == {name}]
        candidates = range(1, listed.threshold + listed.period)
        left = [v for v in candidates if all(c.at({name: v}) for c in stated)]
        excluded = {a: [v for v in left if not a.condition.at({name: v})] for a in dict.fromkeys(about)}
        times = Counter(v for values in excluded.values() for v in values)
        needed = dict.fromkeys(about)
        for one in about:  # the first asked for the least: later ones often imply it
            if one in needed and all(times[v] > 1 for v in excluded[one]):
                del needed[one]
                times.subtract(excluded[one])
        return list(needed)

    def explained(self) -> Iterator[tuple[str, list[Assumed]]]:
        """Of each symbol, and of several together, what values fit, and why: the assumptions that leave no others."""
        for name in self.example:
            values = self.values(name)
            text = "" if values is None else str(values)
            if text:
                yield text, self.needs(name)
        for condition in self.given:
            if self._is_unlisted(condition) and (_is_equation(condition) or not self.decide(condition)):
                yield str(condition), []
        for need in self.unlisted_needs():
            yield str(need.condition), [need]

    def unlisted_needs(self) -> list[Assumed]:
        """The assumptions that the values of no symbol tell, but for those that what is known implies."""
        about = (a for a in dict.fromkeys(self.assumed) if self._is_unlisted(a.condition))
        return [a for a in about if a.condition not in self.given and not self.decide(a.condition)]

    def _is_unlisted(self, condition: Relation | Compound) -> bool:
        """Whether it is about several symbols, or about one whose values cannot be listed."""
        names = symbols_of(condition)
        return len(names) > 1 or any(self.values(name) is None for name in names)

    # Questions that operators ask: they always get an answer

    def assumes_order(self, left: Any, right: Any) -> bool:
        """Whether `left >= right`."""
        return self._assumes(at_least(left, right))

    def assumes_equal(self, left: Any, right: Any) -> bool:
        """Whether `left == right`. Where it may be but is not in the example, nothing is assumed."""
        difference = left - right
        condition = equal(self.simplified(difference) if isinstance(difference, Size) else difference, 0)
        answer = self.decide(condition)
        if answer is not None:
            return answer
        assert not isinstance(condition, bool)
        return (self._is_closed or condition.at(self.example)) and self._assumes(condition)

    def _assumes(self, condition: Condition) -> bool:
        answer = self.decide(condition)
        if answer is not None:
            return answer
        assert not isinstance(condition, bool)
        if self._is_closed:
            raise OpenSize(f"whether {condition}")
        answer = condition.at(self.example)
        met = condition if answer else denied(condition)
        assert not isinstance(met, bool)
        self.assumed.append(Assumed(met, self.context))
        self._narrow(met)
        return answer

    # Questions about all values

    def is_equal(self, left: Any, right: Any) -> bool:
        """Whether `left == right` for all values of the symbols, as far as that can be said."""
        return self.decide(equal(left, right)) is True

    def decide(self, condition: Condition) -> bool | None:
        """Whether it holds for all values of the symbols, or for none; None where it depends, or cannot be said."""
        if isinstance(condition, bool):
            return condition
        known = self._known.get(condition)
        if known is None:
            known = (
                self._decide_relation(condition) if isinstance(condition, Relation) else self._decide_parts(condition)
            )
            known = self._try_out(condition) if known is None else known
            if known is None and isinstance(condition, Relation):
                known = self._is_identity(condition) or self._decide_in_others(condition)
            if known is None and isinstance(
                opposite := denied(condition), bool
            ):  # the sum was simpler the other way round
                known = not opposite
            if known is not None:
                self._known[condition] = known
        return known

    def _decide_relation(self, relation: Relation) -> bool | None:
        """The answer that the bounds of its formula give, in the form that fits the values of the symbols."""
        size = open_size(simple := self.simplified(relation.size))
        if size is None:
            return simple == 0 if relation.is_equation else simple >= 0
        low, high = bounds(size.terms, tuple(self._least(size)))
        if relation.is_equation:
            return False if (low is not None and low > 0) or (high is not None and high < 0) else None
        if low is not None and low >= 0:
            return True
        if high is not None and high < 0:
            return False
        constant = dict(size.terms).get((), 0)
        # What only sizes beyond the largest would break is not worth a condition.
        return constant > 0 if abs(constant) >= LARGEST_SIZE // 2 else None

    def _least(self, size: Size) -> Iterator[tuple[str, int]]:
        """The least values of its symbols, where that is not 1."""
        for name in sorted(size.symbols):
            values = self.values(name)
            if values is not None and values.values[:1] > (1,):
                yield name, values.values[0]

    def simplified(self, size: Size) -> int:
        """The formula without the floors that are exact for all values of the symbols: `H - 184` where `H % 16 == 12`."""
        found = self._simplified.get(size.terms)
        if found is None:
            found = self._simplified[size.terms] = self._simplify(size)
        return found

    def exact(self, size: Size) -> dict[Monomial, Fraction]:
        """The factors of its terms, those of floors divided out that are exact for all values of the symbols."""
        return polynomial(size.terms, self._remainder)

    def _simplify(self, size: Size) -> int:
        exact = self.exact(size)
        apart = {m: c % 1 for m, c in exact.items() if c.denominator > 1 and self._is_whole(m, c)}
        floors: Coefficients = {(Floor(((m, c.numerator),), c.denominator),): 1 for m, c in apart.items()}
        rest = {m: c - apart.get(m, 0) for m, c in exact.items()}
        denominator = lcm(*(c.denominator for c in rest.values()))
        whole = {m: int(c * denominator) for m, c in rest.items()}
        return from_terms(self, floors) + from_terms(self, whole) // denominator

    def _is_whole(self, monomial: Monomial, factor: Fraction) -> bool:
        """Whether a product with a fraction is whole since its symbols are multiples of a number."""
        known = prod(self._divisor(atom.name) for atom in monomial if isinstance(atom, Symbol))
        return (factor * known).denominator == 1

    def _divisor(self, name: str) -> int:
        """What all values of a symbol are multiples of."""
        values = self.values(name)
        return 1 if values is None else gcd(*values.values, values.period)

    def _remainder(self, atom: Floor) -> int | None:
        """What is left by a division for all values of its one symbol; None where that differs."""
        if atom not in self._remainders:
            self._remainders[atom] = self._tried_remainder(atom)
        return self._remainders[atom]

    def _tried_remainder(self, atom: Floor) -> int | None:
        names = frozenset(symbols_in(atom.terms))
        values = self.values(*names) if len(names) == 1 else None
        inside = open_size(from_terms(self, dict(atom.terms)))
        if values is None or inside is None or inside.period is None:
            return None
        end = values.threshold + lcm(values.period, inside.period * atom.divisor)
        if end > ENUMERATED:
            return None
        (name,) = names
        rests = {inside.at({name: v}) % atom.divisor for v in self._tried(values, end, weight(inside.terms))}
        return rests.pop() if len(rests) == 1 else None

    def _decide_parts(self, condition: Compound) -> bool | None:
        answers = [self.decide(part) for part in condition.parts]
        if condition.word == "not":
            return None if answers[0] is None else not answers[0]
        settling = condition.word == "or"
        if settling in answers:
            return settling
        return None if None in answers else not settling

    def _try_out(self, condition: Relation | Compound) -> bool | None:
        """The answer of all values of the one symbol that the condition is about."""
        names = symbols_of(condition)
        if len(names) != 1:
            return None
        (name,) = names
        values = self.values(name)
        if values is None or (repeats := common_cycle(values, condition)) is None:
            return None
        answers = {condition.at({name: v}) for v in self._tried(values, sum(repeats), weight_of(condition))}
        return answers.pop() if len(answers) == 1 else None

    def _is_identity(self, relation: Relation) -> bool | None:
        """Whether an equation is known to hold for all values: a polynomial of degree n that is 0 at n + 1 places is 0."""
        names = sorted(relation.size.symbols)
        places: list[list[int]] = []
        for name in names:
            values, repeats = self.values(name), repetition(relation.size.terms, name)
            if not relation.is_equation or values is None or repeats is None:
                return None
            step, degree = repeats
            end = values.threshold + (degree + 1) * lcm(values.period, step)
            if end * prod(map(len, places)) > ENUMERATED:
                return None
            places.append([*extended(values, end)])
        self.work += prod(map(len, places)) * (TRIED + weight_of(relation))
        return all(relation.at(dict(zip(names, at, strict=True))) for at in product(*places)) or None

    def _decide_in_others(self, relation: Relation) -> bool | None:
        """The answer with what stated equations say of its symbols."""
        if not relation.size.symbols & self._instead.keys():
            return None
        size = self._in_others(relation.size)
        return self.decide(equal(size, 0) if relation.is_equation else at_least(size, 0))

    def values(self, name: str) -> Values | None:
        """The values that a symbol may have by the conditions on it alone; None where they cannot be listed."""
        return self._values.get(name, Values(name, (1,), 1, 1))

    def _narrowed(self, values: Values | None, condition: Relation | Compound) -> Values | None:
        """Those of the values that meet one condition more."""
        if values is None or (repeats := common_cycle(values, condition)) is None:
            return None
        tried = self._tried(values, sum(repeats), weight_of(condition))
        left = tuple(v for v in tried if condition.at({values.name: v}))
        return Values(values.name, left, *repeats)

    def _tried(self, values: Values, end: int, weight: int) -> Iterable[int]:
        """All values below an end, each to be tried out on formulas of that many symbols and quotients."""
        self.work += end * (TRIED + weight)
        return extended(values, end)


def _is_equation(condition: Relation | Compound) -> bool:
    return isinstance(condition, Relation) and condition.is_equation
