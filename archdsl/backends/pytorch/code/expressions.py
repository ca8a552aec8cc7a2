"""Expressions among the arguments of a call: their numbers, and the same expressions with other texts in place of these.

`lambda i, j: i - j >= 4` is that of an instance with a window of 4, and `lambda i, j: i - j >= window` that of its class.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from archdsl.backends.pytorch.code.lines import NUMBER
from archdsl.backends.pytorch.code.parameters import ABSENT, Row
from archdsl.ir import Code

ARGUMENTS = {
    "Conv": ("in_channels", "channels", "window"),
    "BatchNorm": ("channels",),
    "LayerNorm": ("features",),
    "Linear": ("in_features", "features"),
    "LSTM": ("in_features", "hidden"),
    "GRU": ("in_features", "hidden"),
    "RNN": ("in_features", "hidden"),
    "Pool": ("window",),
    "Drop": ("p",),
}
"""Names for arguments of modules, where they become parameters of a class."""

_ATOM = re.compile(r"[\w.]+")
_CALL = re.compile(r"nn\.(\w+)\(([^()]*)$")


class Number(NamedTuple):
    """A number in an expression."""

    text: str
    wanted: str
    """A name for it, by what it is given to."""

    @property
    def value(self) -> int | float:
        return int(self.text) if self.text.isdecimal() else float(self.text)


def argument(target: str, place: int) -> str:
    """A name for an argument of a module; nothing where it has none."""
    names = next((names for kind, names in ARGUMENTS.items() if kind in target), ())
    return names[place] if place < len(names) else ""


def pattern(code: Code) -> str:
    """The expression without its numbers."""
    return NUMBER.sub("#", code)


def columns(codes: Sequence[Row]) -> Iterator[tuple[Number, list[Row]]]:
    """The numbers of an expression, each with what it is in all instances; with nothing where it is the same."""
    rows = [list(_numbers(code)) if isinstance(code, Code) else None for code in codes]
    for at, number in enumerate(next(row for row in rows if row is not None)):
        is_same = all(row is None or row[at].text == number.text for row in rows)
        yield number, [] if is_same else [row[at].value if row is not None else ABSENT for row in rows]


def _numbers(code: Code) -> Iterator[Number]:
    for found in NUMBER.finditer(code):
        before = code[: found.start()]
        keyword, call = re.search(r"(\w+)=$", before), _CALL.search(before)
        in_place = argument(call[1], call[2].count(",")) if call is not None else ""
        yield Number(found[0], keyword[1] if keyword is not None else in_place)


def with_texts(code: Code, texts: Sequence[str]) -> str:
    """The expression with other texts for its numbers, in parentheses where operators around would bind first."""
    following = iter(texts)

    def written(found: re.Match[str]) -> str:
        text = next(following)
        before, after = code[: found.start()].rstrip(), code[found.end() :].lstrip()
        is_alone = before[-1:] in ("(", ",") and after[:1] in (")", ",")
        is_side = " if " not in text and before[-1:] in "(,=<>" and (not after or after[0] in "),=<>!")
        return text if _ATOM.fullmatch(text) or is_alone or is_side else f"({text})"

    return NUMBER.sub(written, code)
