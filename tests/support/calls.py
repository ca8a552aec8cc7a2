"""Operators from the text of their examples: `conv(64, 3x3, pad=1)`, without the parser of specs."""

from __future__ import annotations

import ast
import json
import re
from fractions import Fraction
from typing import Any

from archdsl.ir import Op, Places, TensorType
from archdsl.ops import find


def op_of(call: str) -> Op:
    """The operator of a call. Windows are lists, words are strings, and 2/3 is exact."""
    text = re.sub(r"\b\d+(x\d+)+\b", lambda window: f"({window[0].replace('x', ',')})", call)
    text = re.sub(r"\bglobal\b", "'global'", text)
    expression = ast.parse(text, mode="eval").body
    if isinstance(expression, ast.Name):
        return _found(expression.id)()
    assert isinstance(expression, ast.Call) and isinstance(expression.func, ast.Name), call
    kind = _found(expression.func.id)
    assert len(expression.args) <= kind.positional, f"{call}: {kind.positional} attributes go by position"
    attributes = dict(zip(kind.fields(), map(_datum, expression.args), strict=False))
    return kind(**attributes, **{str(k.arg): _datum(k.value) for k in expression.keywords})


def types_of(shapes: str) -> tuple[TensorType, ...]:
    """Types from shapes: `[64, 56, 56], [64, 1, 1]`, float32 unless `int64 [16]`, with a batch unless `unbatched [8]`."""
    pattern = r"(unbatched )?(?:(\w+) )?\[([^\]]*)\](?: places (\[\[.*?\]\]))?"
    return tuple(
        TensorType(
            tuple(map(int, filter(None, sizes.split(", ")))),
            dtype or "float32",
            not unbatched,
            places=Places(*map(tuple, json.loads(places))) if places else None,
        )
        for unbatched, dtype, sizes, places in re.findall(pattern, shapes)
    )


def _found(name: str) -> type[Op]:
    kind = find(name)
    assert kind is not None, name
    return kind


def _datum(node: ast.expr) -> Any:
    match node:
        case ast.Name("true"):
            return True
        case ast.Name("false"):
            return False
        case ast.Name(word):
            return word
        case ast.Tuple(items) | ast.List(items):
            return tuple(map(_datum, items))
        case ast.UnaryOp(ast.USub(), operand):
            return -_datum(operand)
        case ast.BinOp(left, ast.Div(), right):
            return Fraction(_datum(left)) / _datum(right)
        case ast.Constant(value):
            return Fraction(str(value)) if isinstance(value, float) else value
    raise AssertionError(ast.dump(node))
