"""What was most likely meant by a value that an attribute cannot take."""

from __future__ import annotations

import re
from fractions import Fraction
from math import ceil, floor
from typing import Any

from archdsl.elaborate.values import Layer
from archdsl.ir import Attribute, AttributeProblem
from archdsl.source import nearest

_NUMERAL = re.compile(r"[0-9._]+")
TO_WHOLE = "`floor`, `round` and `ceil` make a number whole, and so does `//` in place of `/`"
_QUOTED_NUMBER = re.compile(r"[1-9][0-9]{0,9}(?:x[1-9][0-9]{0,9}){0,4}")


def correction(attribute: Attribute, value: Any, text: str) -> str | None:
    """What to write in place of `text`, which has this value; None where that is anybody's guess."""
    if isinstance(value, str) and _QUOTED_NUMBER.fullmatch(value) and takes(attribute, _number(value)):
        return value
    if isinstance(value, str | Layer) and attribute.accepts.choices:
        name = value if isinstance(value, str) else value.name
        return nearest(name, attribute.accepts.choices)
    if isinstance(value, bool) or not isinstance(value, int | Fraction):
        return None
    if value in (0, 1) and takes(attribute, True):
        return "true" if value else "false"
    if isinstance(value, int) and 1 < value <= 100 and takes(attribute, Fraction(1, 2)) and not takes(attribute, 2):
        return f"{float(value) / 100:g}"
    if isinstance(value, Fraction) and text.count("/") == 1 and takes(attribute, int(value)):
        return text.replace("/", "//")
    return None


def advice(attribute: Attribute, value: Any, text: str) -> tuple[str, ...]:
    """What helps where a number that was worked out lies between two that an attribute takes."""
    is_between = isinstance(value, Fraction) and not _NUMERAL.fullmatch(text) and not takes(attribute, Fraction(1, 2))
    return (TO_WHOLE,) if is_between and (takes(attribute, floor(value)) or takes(attribute, ceil(value))) else ()


def _number(text: str) -> int | tuple[int, ...]:
    sizes = tuple(map(int, text.split("x")))
    return sizes if len(sizes) > 1 else sizes[0]


def takes(attribute: Attribute, value: Any) -> bool:
    """Whether an attribute can have a value."""
    try:
        attribute.checked(value)
    except AttributeProblem:
        return False
    return True
