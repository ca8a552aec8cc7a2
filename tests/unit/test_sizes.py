"""Open sizes: formulas against plain integers, and what is said of all values against trying them out."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from archdsl.ir import Condition, Domain, OpenSize, Relation, Size, agree, at_least, both, denied, either, equal
from archdsl.ir.sizes.bounds import bounds
from tests.support.cli import Cli

VALUES = {"H": 224, "W": 160}


def symbols(**given: int) -> tuple[Domain, Any, Any]:
    domain = Domain({**VALUES, **given})
    return domain, domain.size("H"), domain.size("W")


def state(domain: Domain, condition: Condition) -> None:
    assert not isinstance(condition, bool)
    domain.state(condition)


def grown(rng: random.Random, size: Any, other: Any, value: int, other_value: int) -> tuple[Any, int]:
    """A random formula, and its value by Python's own integers."""
    for _ in range(rng.randrange(1, 9)):
        n = rng.randrange(1, 9)
        match rng.choice("+-*/%wx"):
            case "+":
                size, value = size + n, value + n
            case "-":
                size, value = n - size, n - value
            case "*":
                size, value = size * n, value * n
            case "/":
                size, value = size // n, value // n
            case "%":
                size, value = size - size % n, value - value % n
            case "w":
                size, value = size + other // n, value + other_value // n
            case "x":
                size, value = size * (other - n), value * (other_value - n)
                if isinstance(size, Size) and len(size.terms) > 20:
                    break
    return size, value


@pytest.mark.parametrize("seed", range(400))
def test_a_formula_has_the_value_of_the_same_arithmetic_on_integers(seed: int) -> None:
    rng = random.Random(seed)
    _, h, w = symbols()
    values = {"H": rng.randrange(1, 3000), "W": rng.randrange(1, 3000)}
    size, value = grown(rng, h, w, values["H"], values["W"])
    if not isinstance(size, Size):
        assert size == value
        return
    assert size.at(values) == value
    assert eval(str(size), dict(values)) == value  # the text is arithmetic of the language, and of Python
    low, high = bounds(size.terms)
    assert (low is None or low <= value) and (high is None or value <= high)


@pytest.mark.parametrize(
    "build, text",
    [
        (lambda h: (h + 6 - 7) // 2 + 1, "(H + 1)//2"),
        (lambda h: ((h + 1) // 2 - 1) // 2 + 1, "(H + 3)//4"),
        (lambda h: (h - 4) // 2 - 4, "(H - 12)//2"),
        (lambda h: (6 * h + 9) // 3, "2*H + 3"),
        (lambda h: (6 * h + 4) // 4, "H + H//2 + 1"),
        (lambda h: -(-h // 2), "(H + 1)//2"),
        (lambda h: h % 16, "H - 16*(H//16)"),
        (lambda h: h * h - 4, "H*H - 4"),
        (lambda h: h - h, "0"),
    ],
)
def test_formulas_have_one_form(build: Any, text: str) -> None:
    assert str(build(symbols()[1])) == text


def test_two_ways_to_one_size_are_equal() -> None:
    _, h, _ = symbols()
    assert (h - 3) // 2 + 1 == (h - 1) // 2 and hash((h - 3) // 2 + 1) == hash((h - 1) // 2)
    assert h // 2 != h


@pytest.mark.parametrize("seed", range(150))
def test_an_answer_for_all_sizes_is_that_of_each(seed: int) -> None:
    """Conditions of one symbol, some stated before: whatever is decided is so for all values tried out."""
    rng = random.Random(seed)
    domain, h, _ = symbols()
    modulus = rng.randrange(2, 17)
    for stated in (equal(h % modulus, rng.randrange(modulus)), at_least(h, rng.randrange(2, 60))):
        assert isinstance(stated, Relation)
        domain.state(stated)
    pair = [grown_of_one(rng, h) for _ in range(2)]
    conditions = [at_least(*pair), equal(*pair), at_least(pair[0], 5), equal(pair[0] % 4, 0)]
    conditions += [both(*conditions[:2]), either(*conditions[1:3]), denied(conditions[0])]
    fitting = [v for v in range(1, 2000) if all(c.at({"H": v}) for c in domain.given)]
    for condition in conditions:
        answer = domain.decide(condition)
        if not isinstance(condition, bool):
            truth = {condition.at({"H": v}) for v in fitting}
            assert truth == ({answer} if answer is not None else {True, False}), str(condition)


def grown_of_one(rng: random.Random, h: Any) -> Any:
    return (rng.randrange(1, 4) * h + rng.randrange(-9, 20)) // rng.randrange(1, 7) + rng.randrange(-20, 20)


@pytest.mark.parametrize(
    "modulus, rest, least, text",
    [
        (1, 0, 1, ""),
        (16, 12, 1, "H % 16 == 12"),
        (16, 12, 180, "H % 16 == 12 and H >= 188"),
        (2, 0, 1, "H % 2 == 0"),
        (1, 0, 33, "H >= 33"),
    ],
)
def test_fitting_values_are_said_shortly(modulus: int, rest: int, least: int, text: str) -> None:
    domain, h, _ = symbols()
    for condition in (equal(h % modulus, rest), at_least(h, least)):
        if isinstance(condition, Relation) and domain.decide(condition) is None:
            domain.state(condition)
    assert str(domain.values("H")) == text


def test_what_may_be_is_assumed_and_kept() -> None:
    domain, h, w = symbols(H=224)
    assert agree(2 * (h // 2), h)
    assert [str(a.condition) for a in domain.assumed] == ["H == 2*(H//2)"]
    assert not agree(h, w)  # 224 and 160 in the example: nothing to keep
    assert len(domain.assumed) == 1
    assert h >= 1 and h - 100 >= 0
    assert str(domain.values("H")) == "H % 2 == 0 and H >= 100"
    assert str(2 * (h // 2)) == "H"


def test_of_what_was_assumed_only_the_strongest_is_told() -> None:
    domain, h, _ = symbols()
    for least in (3, 5, 9):
        assert h >= least
    assert agree(h % 2, 0) and agree(h % 4, 0)
    assert [str(a.condition) for a in domain.needs("H")] == ["H >= 9", "H == 4*(H//4)"]


def test_a_closed_domain_assumes_nothing() -> None:
    domain, h, w = symbols()
    domain.close()
    assert h >= 1
    with pytest.raises(OpenSize):
        h >= 3  # noqa: B015
    with pytest.raises(OpenSize):
        agree(h, w)


@pytest.mark.parametrize(
    "use", [range, int, float, lambda h: h / 2, lambda h: h * 0.3, lambda h: [0][h], lambda h: 7 // h]
)
def test_the_value_of_an_open_size_cannot_be_had(use: Any) -> None:
    with pytest.raises(OpenSize):
        use(symbols()[1])


def test_a_product_is_no_less_than_its_parts() -> None:
    domain, h, w = symbols()
    assert domain.decide(at_least(3 * h * w, h + w + 1)) is True
    assert domain.decide(at_least(h * w, h + w)) is None  # 1 * 1 is less than 1 + 1
    assert domain.decide(at_least(2 * (h // 2) * w, 2 * (h // 2) + 1)) is None
    state(domain, at_least(h, 2))
    assert domain.decide(at_least((h // 2) * w, 1)) is True
    assert domain.decide(at_least(2 * (h // 2) * w, 2 * (h // 2) + 1)) is None  # not where W is 1
    assert domain.decide(at_least(3 * (h // 2) * w, 2 * (h // 2) + 1)) is True


def test_a_product_of_what_sizes_have_more_is_never_below_0() -> None:
    domain, h, w = symbols()
    assert domain.decide(at_least((h - 2) * (w - 2), 1)) is None  # (1 - 2) * (3 - 2) is -1
    state(domain, at_least(h, 3))
    state(domain, at_least(w, 3))
    assert domain.decide(at_least((h - 2) * (w - 2), 1)) is True
    assert domain.decide(at_least((h - 2) * (w - 2), 2)) is None  # (3 - 2) * (3 - 2) is 1
    assert domain.decide(at_least((h - 2) ** 2, 1)) is True


def test_products_of_quotients_are_equal_where_they_are_so_at_enough_values() -> None:
    domain, h, w = symbols()
    quarters, halves = 4 * (h // 4) ** 2, (h // 2) ** 2
    assert domain.decide(equal(quarters, halves)) is None
    state(domain, either(equal(h % 4, 0), equal(h % 4, 1)))
    assert domain.decide(equal(quarters, halves)) is True
    assert domain.decide(equal(quarters * (w // 3), halves * (w // 3))) is True
    assert domain.decide(equal(quarters * (w // 3), halves * (w // 2))) is None
    assert (
        domain.decide(equal((h - 4) * (h - 5) * (h - 8) * (h - 9), 0)) is None
    )  # 0 at the first four, and at no other


def test_what_is_stated_of_one_size_is_known_of_another() -> None:
    domain, h, w = symbols(D=320)
    d = domain.size("D")
    assert domain.decide(equal((h - 2) * w, (w - 2) * w)) is None
    stated = (equal(h, w), equal(d, 2 * w))
    for condition in stated:
        assert isinstance(condition, Relation)
        domain.state(condition)
    assert domain.decide(equal((h - 2) * w, (w - 2) * w)) is True
    assert domain.decide(equal(d // 2, h)) is True
    assert domain.decide(at_least(d * w, 2 * h * h)) is True
    assert domain.decide(at_least(h, d)) is False
    assert domain.decide(equal(h, 8)) is None


@pytest.mark.parametrize("seed", range(300))
def test_bounds_from_some_value_on(seed: int) -> None:
    rng = random.Random(seed)
    _, h, w = symbols()
    atoms = (1, h, w, h * w, h // 2, (h // 3) * w, h * h * w)
    factors = [rng.randrange(-4, 5) for _ in atoms]
    if seed % 2:
        atoms = (1, (h - rng.randrange(4)) * (w - rng.randrange(2)), (h - 1) * (h // 2 - 1), (h - 2) ** 2 * w, h, w, 0)
    size = sum((c * atom for c, atom in zip(factors, atoms, strict=True)), 0 * h)
    least = rng.randrange(1, 5)
    if isinstance(size, Size):
        low, high = bounds(size.terms, (("H", least),))
        values = [size.at({"H": a, "W": b}) for a in range(least, 14) for b in range(1, 12)]
        assert (low is None or low <= min(values)) and (high is None or max(values) <= high)


def test_no_condition_is_told_that_others_imply(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The batch counts as a number above all others, and a product with it is never the smaller one."""
    (file := tmp_path / "a.arch").write_text(
        "network A(T = 32, hidden = 8) {\n  input x: [T, 10]\n  linear(hidden) as h\n"
        '  einsum("t d, t e -> d e") { | h | h }\n}\n'
    )
    done = Cli(capsys)("report", "formulas", str(file))
    assert "for T >= 2, hidden >= 2\n" in done.out
