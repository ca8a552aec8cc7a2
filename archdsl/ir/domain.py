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
from math import gcd, lcm, prod
from typing import Any, NamedTuple

from archdsl.ir.bounds import bounds
from archdsl.ir.conditions import (
    ENUMERATED,
    Compound,
    Condition,
    Relation,
    at_least,
    cycle,
    denied,
    equal,
    symbols_of,
    weight_of,
)
from archdsl.ir.formulas import Coefficients, Floor, Monomial, Symbol, Terms, polynomial, symbols_in, weight
from archdsl.ir.sizes import LARGEST_SIZE, OpenSize, Size, from_terms, open_size, symbol

TRIED = 3
"""The work of trying out one value, beside that of each symbol and quotient of its formula."""


class Assumed(NamedTuple):
    """A condition that the spec implies: something in it works for the sizes alone that meet it."""

    condition: Relation | Compound
    context: Any
    """What asked: set by whoever applies operators."""


class Steps(NamedTuple):
    """How values go on without an end: all from `least` on that leave one of the rests."""

    modulus: int
    rests: tuple[int, ...]
    least: int
    is_cut: bool
    """Whether smaller values that leave such a rest are missing."""


class Values(NamedTuple):
    """The values that a symbol may have: from `threshold` on they repeat with a period."""

    name: str
    values: tuple[int, ...]
    """All below `threshold` + `period`."""
    threshold: int
    period: int

    @property
    def steps(self) -> Steps | None:
        """How they go on; None where they end."""
        cycle = {v % self.period for v in self.values if v >= self.threshold}
        if not cycle:
            return None
        modulus = next(m for m in range(1, self.period + 1) if _repeats(cycle, self.period, m))
        rests = tuple(sorted({v % modulus for v in cycle}))
        regular = [v for v in range(1, self.threshold + self.period) if v % modulus in rests]
        listed = set(self.values)
        missing = [v for v in regular if v not in listed]
        least = next(v for v in regular if not missing or v > missing[-1])
        return Steps(modulus, rests, least, bool(missing))

    def __str__(self) -> str:
        """`H % 16 == 12 and H >= 188`; nothing where it may be any."""
        steps = self.steps
        if steps is None:
            first, last = self.values[0], self.values[-1]
            is_whole = len(self.values) == last - first + 1 > 2
            each = f"{self.name} in [{', '.join(map(str, self.values))}]"
            from_first = f"{self.name} >= {first} and " if first > 1 else ""
            return f"{from_first}{self.name} <= {last}" if is_whole else each
        modulus, rests, least, is_cut = steps
        parts = (
            [f"{self.name} in [{', '.join(str(v) for v in self.values if v < least)}] or"]
            if self.values[0] < least
            else []
        )
        if modulus > 1:
            one = f"== {rests[0]}" if len(rests) == 1 else f"in {list(rests)}"
            parts.append(f"{self.name} % {modulus} {one}")
        if is_cut:
            parts.append(f"{'and ' if modulus > 1 else ''}{self.name} >= {least}")
        return " ".join(parts)


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

    def _narrow(self, condition: Relation | Compound) -> None:
        """Leaves its symbol the values that meet it, and forgets formulas that may be simpler now."""
        names = symbols_of(condition)
        if len(names) == 1:
            (name,) = names
            self._values[name] = self._narrowed(self.values(name), condition)
        self._simplified.clear()
        self._remainders.clear()

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
        for need in self.shared_needs():
            yield str(need.condition), [need]

    def shared_needs(self) -> list[Assumed]:
        """The assumptions about several symbols together, but for those that what each of them may be implies."""
        about = (a for a in dict.fromkeys(self.assumed) if len(symbols_of(a.condition)) > 1)
        return [a for a in about if not self.decide(a.condition)]

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
        if values is None or (repeats := _common_cycle(values, condition)) is None:
            return None
        answers = {condition.at({name: v}) for v in self._tried(values, sum(repeats), weight_of(condition))}
        return answers.pop() if len(answers) == 1 else None

    def values(self, name: str) -> Values | None:
        """The values that a symbol may have by the conditions on it alone; None where they cannot be listed."""
        return self._values.get(name, Values(name, (1,), 1, 1))

    def _narrowed(self, values: Values | None, condition: Relation | Compound) -> Values | None:
        """Those of the values that meet one condition more."""
        if values is None or (repeats := _common_cycle(values, condition)) is None:
            return None
        tried = self._tried(values, sum(repeats), weight_of(condition))
        left = tuple(v for v in tried if condition.at({values.name: v}))
        return Values(values.name, left, *repeats)

    def _tried(self, values: Values, end: int, weight: int) -> Iterable[int]:
        """All values below an end, each to be tried out on formulas of that many symbols and quotients."""
        self.work += end * (TRIED + weight)
        return _extended(values, end)


def _common_cycle(values: Values, condition: Relation | Compound) -> tuple[int, int] | None:
    """From where on values and the answers of a condition repeat together, and after how many; None where that is too far."""
    repeats = cycle(condition)
    if repeats is None:
        return None
    threshold, period = max(values.threshold, repeats[0]), lcm(values.period, repeats[1])
    return (threshold, period) if threshold + period <= ENUMERATED else None


def _repeats(cycle: set[int], period: int, modulus: int) -> bool:
    """Whether what repeats with the period does so with a divisor of it."""
    return period % modulus == 0 and len({v % modulus for v in cycle}) * (period // modulus) == len(cycle)


def _extended(values: Values, end: int) -> Iterable[int]:
    """All values below an end."""
    cycle = [v for v in values.values if v >= values.threshold]
    yield from (v for v in values.values if v < values.threshold)
    for start in range(0, end - values.threshold, values.period):
        yield from (v + start for v in cycle if v + start < end)
