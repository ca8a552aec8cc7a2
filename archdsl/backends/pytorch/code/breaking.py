"""Expressions that are too long for a line and end with no bracket that holds all of it, broken as ruff breaks them."""

from __future__ import annotations

import ast
from collections.abc import Callable
from itertools import pairwise

STRENGTH: dict[type[ast.operator], int] = {ast.BitOr: 0, ast.BitAnd: 1, ast.Add: 2, ast.Sub: 2}
"""Operators that bind later than the others, but for comparisons."""


def terms(text: str, fits: Callable[[str], bool]) -> list[str]:
    """`a * b`, `+ c`, `- d` of `a * b + c - d`, and so on with terms that do not fit; one text for what is no operation."""
    found = _operation(text)
    if found is None:
        return [text]
    return [term for part in _split(text, found) for term in ([part] if fits(part) else terms(part, fits))]


def is_operation(text: str) -> bool:
    return _operation(text) is not None


def is_bare_tuple(text: str) -> bool:
    """Whether it is several expressions without brackets around them."""
    found = _parsed(text)
    return isinstance(found, ast.Tuple) and found.elts[0].col_offset == 0


def _operation(text: str) -> ast.BinOp | ast.Compare | None:
    """What the text is without brackets around it."""
    found = _parsed(text)
    if found is None or found.col_offset:
        return None
    if isinstance(found, ast.Compare):
        return found if len(found.ops) == 1 else None
    return found if isinstance(found, ast.BinOp) else None


def _parsed(text: str) -> ast.expr | None:
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError:  # part of an expression
        return None


def _split(text: str, operation: ast.BinOp | ast.Compare) -> list[str]:
    """The operands of the operators that bind as this one does, each but the first behind its operator."""
    ends: list[int] = []
    strength = _strength(operation)
    left: ast.expr = operation
    while isinstance(left, ast.BinOp | ast.Compare) and _strength(left) == strength and left.col_offset == 0:
        end = left.left.end_col_offset
        assert end is not None
        ends.append(end + len(text[end:]) - len(text[end:].lstrip(" )")))
        left = left.left
    edges = [0, *reversed(ends), len(text)]
    return [text[a:b].strip() for a, b in pairwise(edges)]


def _strength(operation: ast.BinOp | ast.Compare) -> int:
    if isinstance(operation, ast.Compare):
        return -1
    return STRENGTH.get(type(operation.op), 3 + isinstance(operation.op, ast.Pow))
