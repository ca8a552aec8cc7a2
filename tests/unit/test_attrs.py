"""The types of attributes: what each takes, what it makes of it, and its words for all else."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from archdsl.ir.op import attrs
from archdsl.ir.op.attributes import Accepts

HUGE = 10**400
NUMBERS = [(1, 1.0), (0.5, 0.5), (Fraction(2, 3), 2 / 3), (-3, -3.0)]
NO_NUMBER = [True, "1", (1,), None, float("nan"), float("inf"), HUGE, Fraction(HUGE)]
NO_SIZE = [0, -1, 2**40 + 1, HUGE, 1.0, Fraction(5, 2), True, "3", None, ()]

ACCEPTED: dict[str, list[tuple[Any, Any]]] = {
    "Size": [(1, 1), (2**40, 2**40)],
    "Count": [(0, 0), (7, 7)],
    "Axis": [(0, 0), (-1, -1), (5, 5)],
    "Number": NUMBERS,
    "Positive": NUMBERS[:3],
    "Probability": [(0, 0.0), (1, 1.0), (Fraction(1, 2), 0.5), (0.2, 0.2)],
    "Flag": [(True, True), (False, False)],
    "Window": [(3, 3), ((1, 7), (1, 7)), ([3, 3], (3, 3))],
    "WindowOrGlobal": [(3, 3), ((3, 5), (3, 5)), ("global", "global")],
    "Pad": [
        (0, 0),
        (2, 2),
        ("same", "same"),
        ((1, 0), (1, 0)),
        (((0, 1), (2, 2)), ((0, 1), (2, 2))),
        ([[0, 1]], ((0, 1),)),
    ],
    "Rounding": [("floor", "floor"), ("ceil", "ceil"), ("exact", "exact")],
    "Sizes": [(7, 7), ((7, 7), (7, 7))],
    "Table": [(("X.", ".X"), ("X.", ".X")), (["X"], ("X",))],
    "Amount": [(0, 0), (2, 2), ((1, 0), (1, 0)), ([[0, 1], [2, 2]], ((0, 1), (2, 2)))],
    "Axes": [(0, 0), (-1, -1), ([1, 2], (1, 2)), ((0, -1), (0, -1))],
    "Beyond": [(m, m) for m in ("zeros", "border", "reflection")],
    "Counts": [(0, 0), (1, 1), ([1, 0], (1, 0))],
    "ElementType": [(t, t) for t in ("float32", "bfloat16", "float64", "int64", "bool")],
    "Equation": [("a b, b c -> a c", "a b, b c -> a c")],
    "Extent": [(0, 0), (-1, -1), (7, 7)],
    "Formula": [("i - j", "i - j")],
    "Initial": [("zeros", "zeros"), ("ones", "ones"), (Fraction(1, 2), 0.5), (1e-6, 1e-6)],
    "Interpolation": [("nearest", "nearest"), ("bilinear", "bilinear"), ("bicubic", "bicubic")],
    "Numbers": [(2, 2), (Fraction(1, 2), 0.5), ([0.5, 1], (0.5, 1))],
    "Offset": [("center", "center"), (0, 0), ([1, 2], (1, 2))],
    "Order": [((1, 0), (1, 0)), ([0, -1], (0, -1))],
    "PadMode": [(m, m) for m in ("zeros", "reflect", "replicate", "circular")],
    "Pair": [((0, 16), (0, 16)), ([1, 2], (1, 2))],
    "Parametrization": [(kind, kind) for kind in ("weight_norm", "spectral_norm")],
    "Relation": [(sign, sign) for sign in (">", ">=", "<", "<=", "==", "!=")],
    "Scale": [(2, 2), (Fraction(3, 2), 1.5), ([2, 3], (2, 3)), (Fraction(4, 2), 2)],
    "Shifts": [(3, 3), (-3, -3), ([1, -1], (1, -1))],
    "Shape": [((7, 7), (7, 7)), ([-1, 64], (-1, 64))],
    "TensorShape": [((1, 197, 768), (1, 197, 768)), ([3], (3,))],
}
REFUSED: dict[str, list[Any]] = {
    "Size": [*NO_SIZE, (1,)],
    "Count": [-1, 0.0, True, "0", (0,), None],
    "Axis": [0.0, Fraction(1, 2), True, "0", 2**40 + 1],
    "Number": NO_NUMBER,
    "Positive": [*NO_NUMBER, 0, -1, 0.0],
    "Probability": [*NO_NUMBER, -0.1, 1.1, 2],
    "Flag": [0, 1, "true", None],
    "Window": [*NO_SIZE, (3, 0), ("3", "3"), ((3, 3),)],
    "WindowOrGlobal": [*NO_SIZE, "whole", ("global",)],
    "Pad": [-1, "equal", 1.5, True, None, (1, -1), ((1, 2, 3),), ((1,),), (1, (2, 2)), ("same",), ((1, -1),)],
    "Rounding": ["up", 1, None, ("floor",)],
    "Sizes": [*NO_SIZE, (0,)],
    "Table": ["XX", (), ("X", 1), None, 3],
    "Amount": [-1, "same", 1.5, True, None, (1, -1), ((1, 2, 3),)],
    "Axes": [0.5, True, "0", None, (0.5,), ("0",), 2**40 + 1],
    "Beyond": ["edge", 0, None],
    "Counts": [-1, 0.5, True, "0", None, (0, -1)],
    "ElementType": ["float", "complex64", 32, None],
    "Equation": [1, None, ("a",)],
    "Extent": [0.5, True, "0", 2**40 + 1],
    "Formula": [1, None, ("i",)],
    "Initial": [*[v for v in NO_NUMBER if v != "0"], "uniform"],
    "Interpolation": ["cubic", 1, None],
    "Numbers": [0, -1, (), (2, 0), "2", None, True],
    "Offset": ["middle", -1, 0.5, None, (0, -1)],
    "Order": [0, (), (0.5,), ("0",), None],
    "PadMode": ["edge", 0, None],
    "Pair": [3, (1,), (1, 2, 3), (1, -1), None],
    "Parametrization": ["batch_norm", 1, None],
    "Relation": ["=", "<>", 1, None],
    "Scale": [0, -1, (), (2, 0), "2", None, True],
    "Shifts": [0.5, True, "1", None, (0.5,)],
    "Shape": [7, (), (0,), (-1, -1), (-2, 3), None],
    "TensorShape": [7, (), (0,), (-1,), None],
}
WORDS = {
    "Size": "a whole number of at least 1",
    "Positive": "a number greater than 0",
    "Flag": "true or false",
    "Rounding": "one of floor, ceil, exact",
}


def accepts(name: str) -> Accepts:
    (found,) = (m for m in getattr(attrs, name).__metadata__ if isinstance(m, Accepts))
    return found


def test_every_type_is_tried() -> None:
    assert ACCEPTED.keys() == REFUSED.keys() == {*attrs.__all__} - {"Field"}


@pytest.mark.parametrize("name, given, kept", [(n, *pair) for n, pairs in ACCEPTED.items() for pair in pairs])
def test_accepted(name: str, given: Any, kept: Any) -> None:
    found = accepts(name).convert(given)
    assert found == kept and type(found) is type(kept)


@pytest.mark.parametrize("name, given", [(n, value) for n, values in REFUSED.items() for value in values])
def test_refused(name: str, given: Any) -> None:
    """Only by the errors that the class with the attribute turns into words."""
    with pytest.raises((ValueError, TypeError, OverflowError)):
        accepts(name).convert(given)


@pytest.mark.parametrize("name, words", WORDS.items())
def test_words(name: str, words: str) -> None:
    assert accepts(name).words == words
