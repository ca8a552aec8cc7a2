"""Open sizes, and conditions on them, as text that reads back: `(H + 3)//4`, `and(H - 188 >= 0, W - 188 >= 0)`."""

from __future__ import annotations

import re

from archdsl.ir.sizes.conditions import Compound, Relation
from archdsl.ir.sizes.domain import Domain
from archdsl.ir.sizes.formulas import show_terms
from archdsl.ir.sizes.size import Size, open_size

_SIGN = re.compile(r" *(\w+|//|>=|==|[-+*(),])")
FORMULA = "="
"""The key of a formula in JSON: no attribute has that name."""
_WORDS = ("and", "or", "not")


def written(size: int | Size) -> str:
    """A size as it was worked out, whatever `where` says of its symbols."""
    formula = open_size(size)
    return str(size) if formula is None else show_terms(formula.terms)


def condition_text(condition: Relation | Compound) -> str:
    if isinstance(condition, Relation):
        return f"{written(condition.size)} {'==' if condition.is_equation else '>='} 0"
    return f"{condition.word}({', '.join(map(condition_text, condition.parts))})"


def read_size(text: str, domain: Domain) -> int:
    """What `written` wrote. Raises `ValueError`, and `KeyError` for a symbol that the domain does not know."""
    return _Formula(text, domain).whole_sum()


def read_condition(text: str, domain: Domain) -> Relation | Compound:
    """What `condition_text` wrote. Raises `ValueError`, and `KeyError` for a symbol that the domain does not know."""
    formula = _Formula(text, domain)
    condition = formula.condition()
    formula.end()
    return condition


class _Formula:
    """A text that is read sign by sign."""

    def __init__(self, text: str, domain: Domain) -> None:
        self.text = text
        self.domain = domain
        self.signs: list[str] = _SIGN.findall(text)
        if "".join(self.signs) != text.replace(" ", ""):
            raise ValueError(f"`{text}` is no size")
        self.signs.reverse()

    def end(self) -> None:
        if self.signs:
            raise ValueError(f"`{self.text}` goes on after its end")

    def whole_sum(self) -> int:
        found = self.sum()
        self.end()
        return found

    def condition(self) -> Relation | Compound:
        if self._next in _WORDS:
            word = self._take()
            self._need("(")
            parts = [self.condition()]
            while self._takes(","):
                parts.append(self.condition())
            self._need(")")
            return Compound(word, *parts)
        size = open_size(self.sum())
        relation = self._take()
        self._need("0")
        if size is None or relation not in ("==", ">="):
            raise ValueError(f"`{self.text}` is no condition")
        return Relation(size, relation == "==")

    def sum(self) -> int:
        found = self.product()
        while self._next in ("+", "-"):
            sign = -1 if self._take() == "-" else 1
            found += sign * self.product()
        return found

    def product(self) -> int:
        found = self.factor()
        while self._next in ("*", "//"):
            found = found * self.factor() if self._take() == "*" else found // self.factor()
        return found

    def factor(self) -> int:
        if self._takes("-"):
            return -self.factor()
        if self._takes("("):
            found = self.sum()
            self._need(")")
            return found
        word = self._take()
        return int(word) if word[:1].isdigit() else self.domain.size(word)

    @property
    def _next(self) -> str:
        return self.signs[-1] if self.signs else ""

    def _take(self) -> str:
        if not self.signs:
            raise ValueError(f"`{self.text}` ends too soon")
        return self.signs.pop()

    def _takes(self, sign: str) -> bool:
        return self._next == sign and bool(self._take())

    def _need(self, sign: str) -> None:
        if self._take() != sign:
            raise ValueError(f"`{self.text}` is no size")
