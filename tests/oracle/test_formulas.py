"""Formulas of indices against Python's own arithmetic, element by element."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from random import Random

import pytest
import torch
from torch import Tensor

from archdsl.ir import Misfit, Op
from archdsl.ops.families.formula import formula
from tests.support.build import op
from tests.support.lowered import lowered

Element = Callable[..., float]

KNOWN: list[tuple[tuple[int, ...], str, Element, torch.dtype]] = [
    ((4,), "i", lambda i: i, torch.int64),
    ((4, 5), "i - 2 * j", lambda i, j: i - 2 * j, torch.int64),
    ((4, 5), "-(i - j) ^ 2", lambda i, j: -((i - j) ** 2), torch.int64),
    ((3, 2), "2 ^ i ^ j", lambda i, j: 2 ** (i**j), torch.int64),
    ((3, 2), "(2 ^ i) ^ j", lambda i, j: (2**i) ** j, torch.int64),
    ((4, 5), "i - (j - 1)", lambda i, j: i - (j - 1), torch.int64),
    (
        (9, 9),
        "(i - j) // 2 + (i - j) % 3 + (i - j) % -3",
        lambda i, j: (i - j) // 2 + (i - j) % 3 + (i - j) % -3,
        torch.int64,
    ),
    ((4, 3), "i / (j + 1)", lambda i, j: i / (j + 1), torch.float32),
    ((4, 3), "i // (j + 1) / 2", lambda i, j: i // (j + 1) / 2, torch.float32),
    ((4, 4), "i >= j", lambda i, j: i >= j, torch.bool),
    ((4, 4), "not (i == j or i < 2 and j > 2)", lambda i, j: not (i == j or (i < 2 and j > 2)), torch.bool),
    ((4, 4), "(i >= 1) + (i >= 3) + (j >= 2)", lambda i, j: (i >= 1) + (i >= 3) + (j >= 2), torch.int64),
    ((4, 4), "0 if i == j else -100.0", lambda i, j: 0 if i == j else -100, torch.float32),
    ((4, 4), "i > j if i > 2 else j > i", lambda i, j: i > j if i > 2 else j > i, torch.bool),
    ((4, 4), "(i if i > j else j > 0)", lambda i, j: i if i > j else j > 0, torch.int64),
    (
        (4, 4),
        "abs(i - j) + max(i - 2, 0) * min(i, j)",
        lambda i, j: abs(i - j) + max(i - 2, 0) * min(i, j),
        torch.int64,
    ),
    ((6, 8), "sin(i / 10000 ^ (j / 8))", lambda i, j: math.sin(i / 10000 ** (j / 8)), torch.float32),
    ((8,), "floor(log(i + 1) / log(2))", lambda i: math.floor(math.log(i + 1) / math.log(2) + 1e-6), torch.int64),
    (
        (8,),
        "exp(-i * 0.5) + cos(pi * i) + sqrt(i)",
        lambda i: math.exp(-i / 2) + math.cos(math.pi * i) + i**0.5,
        torch.float32,
    ),
    ((2, 3, 2, 2, 2), "i + j * k - m % 2 + n", lambda i, j, k, m, n: i + j * k - m % 2 + n, torch.int64),
    ((2, 2), "3", lambda i, j: 3, torch.int64),
    ((2, 2), "1 / 4 + sqrt(4) - floor(2.5)", lambda i, j: 0.25, torch.float32),
    (
        (4,),
        "min(i, 1.5) + max(0.5, i) + i // 0.75 + i % 0.75",
        lambda i: min(i, 1.5) + max(i, 0.5) + i // 0.75 + i % 0.75,
        torch.float32,
    ),
    ((2,), "1 < 2 and i == 0", lambda i: i == 0, torch.bool),
    ((2,), "min(2, 3) * 2.0 ^ -1 if true else i", lambda i: 1.0, torch.float32),
]


def computed(constant: Op) -> Tensor:
    found: Tensor = lowered(constant, form="buffer")()
    return found


def expected(shape: tuple[int, ...], element: Element, dtype: torch.dtype) -> Tensor:
    values = [element(*place) for place in product(*map(range, shape))]
    return torch.tensor(values, dtype=dtype).reshape(shape)


@pytest.mark.parametrize("shape, text, element, dtype", KNOWN, ids=[text for _, text, *_ in KNOWN])
def test_a_formula_gives_every_element(shape: tuple[int, ...], text: str, element: Element, dtype: torch.dtype) -> None:
    constant = op("constant", shape, text)
    found = computed(constant)
    assert found.dtype == dtype and constant.infer()[0].dtype == str(dtype).removeprefix("torch.")
    torch.testing.assert_close(found, expected(shape, element, dtype))


WORDS = """i j k x pi 1 0 2 0.5 1e9 9e99 1e400 99999999999999999999 ( ) + - * / // % ^ == < >= and or not if else min( max(
    abs( floor( sin( log( sqrt( exp( , true false [ ] "a" .. ..< { } in 3x3 4k ; # .shape i.j"""


def test_no_text_is_too_odd() -> None:
    """A formula is taken or refused, whatever it says."""
    random, words = Random(0), WORDS.split()
    taken = 0
    for _ in range(2000):
        text = " ".join(random.choice(words) for _ in range(random.randint(1, 10)))
        try:
            formula(text, random.choice([(3, 4), (5,), (2**40, 2**40)]))
        except Misfit:
            continue
        taken += 1
    assert taken > 30


def random_formula(random: Random, depth: int) -> tuple[str, Element]:
    """A formula of whole numbers, and what it should give."""
    if depth == 0 or random.random() < 0.15:
        number = random.randint(0, 5)
        return random.choice([("i", lambda i, j: i), ("j", lambda i, j: j), (str(number), lambda i, j: number)])
    (a, left), (b, right) = (random_formula(random, depth - 1) for _ in range(2))
    kind = random.choice(["+", "-", "*", "//", "%", "^", "-x", "if", "min", "abs", "+"])
    match kind:
        case "^":
            return f"({a}) ^ 2", lambda i, j: left(i, j) ** 2
        case "-x":
            return f"-({a})", lambda i, j: -left(i, j)
        case "if":
            return (
                f"(({a}) if ({a}) <= ({b}) else ({b}) + 1)",
                lambda i, j: left(i, j) if left(i, j) <= right(i, j) else right(i, j) + 1,
            )
        case "min":
            return f"min({a}, {b})", lambda i, j: min(left(i, j), right(i, j))
        case "abs":
            return f"abs({a})", lambda i, j: abs(left(i, j))
        case "+":
            return f"{a} + ({b})", lambda i, j: left(i, j) + right(i, j)
        case "-":
            return f"{a} - ({b})", lambda i, j: left(i, j) - right(i, j)
        case "*":
            return f"({a}) * ({b})", lambda i, j: left(i, j) * right(i, j)
        case "//":
            return f"({a}) // ({b})", lambda i, j: left(i, j) // right(i, j)
        case _:
            return f"({a}) % ({b})", lambda i, j: left(i, j) % right(i, j)


@pytest.mark.parametrize("seed", range(8))
def test_random_formulas(seed: int) -> None:
    """A formula that is taken has the values of Python's arithmetic, and they lie within the ends that were told."""
    random = Random(seed)
    taken = 0
    while taken < 40:
        text, element = random_formula(random, 3)
        try:
            term = formula(text, (4, 3))
        except Misfit as misfit:
            assert any(word in misfit.message for word in ("divides by", "too large", "no value")), text
            continue
        taken += 1
        values = expected((4, 3), element, torch.int64)
        assert torch.equal(computed(op("constant", (4, 3), text)), values), text
        assert term.ends is not None and term.ends[0] <= values.min() and values.max() <= term.ends[1], text


@pytest.mark.parametrize(
    "shape, text, words",
    [
        ((4,), "j", "a formula of 1 axes knows no `j`"),
        ((4,), "w", "knows no `w`"),
        ((4, 4), "i +", "cannot be read"),
        ((4, 4), "", "cannot be read"),
        ((4, 4), "i / 0 ; j", "cannot be read"),
        ((4, 4), "i // j", "divides by `j`, which may be 0"),
        ((4, 4), "i % (j - 2)", "may be 0"),
        ((4, 4), "i // floor(j / 2)", "may be 0"),
        ((4, 4), "1 / 0", "has no value"),
        ((4, 4), "log(0)", "no value at 0"),
        ((4, 4), "(-1.0) ^ 0.5", "has no value"),
        ((4, 4), "2 ^ (i - j)", "may be negative"),
        ((64, 4), "2 ^ i", "too large"),
        ((4, 4), "9 ^ 99 ^ 99", "too large"),
        ((4, 4), "9e99 * 9e300", "has no value"),
        ((4, 4), "1e400", "too large for a number of 64 bits"),
        ((4, 4), "i if j else 0", "`j` is no condition"),
        ((4, 4), "not i", "`i` is no condition"),
        ((4, 4), "i and j", "`i` is no condition"),
        ((4, 4), "[i, j]", "has no place in a formula"),
        ((4, 4), "i..j", "has no place in a formula"),
        ((4, 4), '"i"', "has no place in a formula"),
        ((4, 4), "x.shape", "knows no `x.shape`"),
        ((4, 4), "tan(i)", "no function `tan`"),
        ((4, 4), "__import__(i)", "no function `__import__`"),
        ((4, 4), "min(i)", "`min` takes 2 values"),
        ((4, 4), "sin(x=i)", "`sin` takes 1 value"),
        ((4, 4), "i + " * 200 + "1", "at most 500 characters"),
        ((1,) * 6, "i", "knows 5 indices"),
    ],
)  # fmt: skip
def test_what_is_no_formula(shape: tuple[int, ...], text: str, words: str) -> None:
    with pytest.raises(Misfit) as raised:
        op("constant", shape, text).infer()
    assert words in raised.value.message and raised.value.attribute == "formula"
