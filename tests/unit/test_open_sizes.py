"""Operators on sizes that are open: for each size that meets the conditions, the formula is the size of the plain operator."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from archdsl.analyses import Facts
from archdsl.elaborate import Program, Settings
from archdsl.ir import Domain, Misfit, OpenSize, Size, TensorType
from archdsl.ops import catalogue
from archdsl.pipeline import open_source
from archdsl.source import Source
from archdsl.syntax import parse
from tests.support.calls import op_of, types_of

EXAMPLES = [(call, inputs) for op in catalogue().values() for call, inputs, _ in op.examples]
NEEDS_VALUES = {"locally_connected", "rbf", "unbind"}
"""Operators whose parameters, windows or number of results depend on the sizes of the input."""


def opened(types: tuple[TensorType, ...]) -> tuple[Domain, tuple[TensorType, ...]]:
    """The types with a symbol for each size of a spatial or token axis; equal sizes have one symbol."""
    sizes = {n for t in types for n in t.shape[1:] if n > 1}
    names = {n: f"S{i}" for i, n in enumerate(sorted(sizes))}
    domain = Domain({name: n for n, name in names.items()})
    shapes = [(*t.shape[:1], *(domain.size(names[n]) if n > 1 else n for n in t.shape[1:])) for t in types]
    return domain, tuple(t._replace(shape=shape, strides=None) for t, shape in zip(types, shapes, strict=True))


def at(types: tuple[TensorType, ...], values: dict[str, int]) -> tuple[TensorType, ...]:
    return tuple(t._replace(shape=tuple(n.at(values) if isinstance(n, Size) else n for n in t.shape)) for t in types)


@pytest.mark.parametrize("call, inputs", EXAMPLES, ids=[f"{c} {i}" for c, i in EXAMPLES])
def test_a_formula_is_the_size_of_the_plain_operator(call: str, inputs: str) -> None:
    op, types = op_of(call), types_of(inputs)
    domain, open_types = opened(types)
    if not domain.example:
        return
    try:
        results = op.infer(*open_types)
        macs = op.macs(open_types, results)
    except OpenSize:
        assert op.name in NEEDS_VALUES
        return
    domain.close()
    assert [t.shape for t in at(results, domain.example)] == [t.shape for t in op.infer(*types)]
    rng = random.Random(call)
    near = ({name: max(1, n + rng.randrange(-12, 40)) for name, n in domain.example.items()} for _ in range(60))
    small = ({name: rng.randint(1, 3) for name in domain.example} for _ in range(20))
    for values in (*near, *small):
        fits = all(c.at(values) for c in domain.conditions)
        given = at(open_types, values)
        try:
            plain = op.infer(*given)
        except Misfit:
            assert not fits, f"{values}: the operator refuses what the conditions allow"
            continue
        is_alike = [t.shape for t in at(results, values)] == [t.shape for t in plain]
        # A sum over one row is none for `einsum`, and one row needs no copy: its figures are for more.
        assert is_alike or not fits
        assert fits or not is_alike or op.name == "einsum", f"{values}: the conditions exclude what is alike"
        if fits:
            assert (macs.at(values) if isinstance(macs, Size) else macs) == op.macs(given, plain)


UNET = """
block double_conv(channels, padding) {
  conv(channels, 3x3, pad=padding) -> relu
  conv(channels, 3x3, pad=padding) -> relu
}

network UNet(padding = 0, base = 4, levels = 4) {
  input image: [1, H, W]
  for i in 0..<levels {
    "down{i}": double_conv(base * 2^i, padding) as skips[]
    maxpool(2x2)
  }
  bottom: double_conv(base * 2^levels, padding)
  for i in levels - 1 .. 0 by -1 {
    "up{i}": conv_transpose(base * 2^i, 2x2, stride=2) as up
    concat { | skips[i] -> crop(like=up) | up }
    "merge{i}": double_conv(base * 2^i, padding)
  }
  head: conv(2, 1x1)
  output segmentation
}
"""
PADDED = UNET.replace(" -> crop(like=up)", "").replace("padding = 0", "padding = 1")
PYRAMID = """
network Pyramid {
  input image: [3, H, W]
  conv(8, 7x7, stride=2, pad=3) -> bn -> relu -> maxpool(3x3, stride=2, pad=1, round=ceil) as c2
  conv(16, 3x3, stride=2, pad=same) -> relu as c3
  upsample(2) -> conv(8, 1x1) as p2
  add { | c2 | p2 }
  avgpool(global) -> flatten -> linear(10)
}
"""


def program(text: str) -> Program:
    tree, problems = parse(Source("open.arch", text))
    assert not problems
    return Program(tree)


@pytest.mark.parametrize(
    "text, name, fits",
    [
        (UNET, "UNet", lambda n: n >= 188),
        (PADDED, "UNet", lambda n: n % 16 == 0),
        (PYRAMID, "Pyramid", lambda n: n % 8 in (3, 4, 5, 6)),
    ],
    ids=["unet", "padded", "pyramid"],
)
def test_a_network_for_all_sizes_is_the_network_of_each(text: str, name: str, fits: Callable[[int], bool]) -> None:
    """At every size that fits the formulas are the figures of the network built there; at others it cannot be built.

    Maps of one row are left out: a merge would repeat them, and then the network is another one.
    """
    spec = program(text)
    built = spec.build_open(name)
    assert built.network is not None and built.domain is not None
    formulas = Facts(built.network)
    rng = random.Random(name)
    sizes = [(rng.randrange(3, 400), rng.randrange(3, 400)) for _ in range(150)]
    sizes += [(16 * n, 16 * m) for n, m in sizes[:10]]
    for h, w in sizes:
        values = {"H": h, "W": w}
        holds = all(c.at(values) for c in built.domain.conditions)
        plain = spec.build(name, Settings(dict(values))).network
        assert (plain is not None) == (fits(h) and fits(w)) == holds, values
        if plain is not None:
            facts = Facts(plain)
            assert [t.shape for t in at(formulas.flat.types, values)] == [t.shape for t in facts.flat.types]
            assert [n.at(values) if isinstance(n, Size) else n for n in formulas.cost.total] == list(facts.cost.total)


def test_the_concat_that_forces_a_size_is_named() -> None:
    built = program(PADDED).build_open("UNet")
    assert built.domain is not None
    height, width = built.domain.explained()
    assert height[0] == "H % 16 == 0" and width[0] == "W % 16 == 0"
    (line,) = {need.context.span.line for need in height[1]}
    assert {need.context.operator for need in height[1]} == {"concat"} and "concat" in PADDED.split("\n")[line - 1]
    assert [str(need.condition) for need in height[1]][-1] == "H == 2*(H//2)"


def test_the_use_of_a_shared_layer_that_asks_a_size_is_named() -> None:
    text = "network A { input x: [3, H, 64]\nshared p = maxpool(3x3, stride=2)\nx -> p\n}"
    domain = program(text).build_open("A").domain
    assert domain is not None
    ((fits, needs),) = domain.explained()
    assert fits == "H >= 3" and {(n.context.operator, n.context.span.line) for n in needs} == {("p", 3)}


def test_what_is_stated_is_not_explained() -> None:
    text = PADDED.replace("[1, H, W]", "[1, H, W]\n  where H % 32 == 0 and W % 16 == 0")
    built = program(text).build_open("UNet")
    assert built.domain is not None
    assert list(built.domain.explained()) == [("H % 32 == 0", []), ("W % 16 == 0", [])]


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("network X(width = 24) { input x: [T, width]; reshape([T, 3, width // 3]) }", ["width % 3 == 0"]),
        (
            "network X(F = 12) { input x: [4, F, T]\n where T % 4 == 0\n maxpool(2x2, round=ceil) -> maxpool(2x2, round=ceil)\n"
            " permute([2, 0, 1]) -> reshape([T // 4, 12]) }",
            ["T % 4 == 0", "F >= 9 and F <= 12"],
        ),
    ],
)
def test_a_condition_on_one_size_is_told_without_the_others(text: str, fits: list[str]) -> None:
    """By hand: T rows of width are T * 3 rows of a third of it; 4 * ceil(F / 4) * T / 4 numbers are T / 4 rows of 12."""
    _, domain = open_source(Source("one.arch", text), Path()).check("X").in_parameters.opened
    assert [said for said, _ in domain.explained()] == fits


def test_an_attribute_that_is_open_asks_for_nothing() -> None:
    """The sizes of a reshape, said by those of its input, fit all of them."""
    text = "network A {\n  input x: [8, H, W]\n  reshape([4, 2 * in.height, in.width])\n}"
    tree, _ = parse(Source("a.arch", text))
    built = Program(tree).build_open("A")
    assert built.network is not None and built.domain is not None
    assert built.domain.conditions == []


@pytest.mark.parametrize(
    "body, least",
    [
        ("conv(4, 1025)", 1025),
        ("where L >= 8000\nconv(4, 3)", 8000),
        ("repeat 4 { avgpool(4) }\nconv(4, 5)", 4**4 * 5),
        ("where L % 1000 == 0\nconv(4, 3)", 1000),
        ("where L >= 16000 and L % 160 == 0\nconv(4, 3)", 16000),
        ("where L % 7 == 0 and L % 3 == 1 and L >= 400 and L <= 410\nconv(4, 3)", 406),
        ("where L >= 2000\nwhere L <= 2100 and L % 10 == 3\nconv(4, 3)", 2003),
    ],
)
def test_an_example_is_found_beyond_the_usual_sizes(body: str, least: int) -> None:
    """The least size was worked out by hand; the network is built at it and not one step below."""
    spec = program(f"network A {{\n  input wave: [1, L]\n  {body}\n}}")
    built = spec.build_open("A")
    assert built.network is not None and built.domain is not None, built.problems
    values = built.domain.values("L")
    assert values is not None and values.values[0] == least
    assert spec.build("A", Settings({"L": least})).network is not None
    assert spec.build("A", Settings({"L": least - 1})).network is None


def test_each_size_has_an_example_of_its_own() -> None:
    text = "network A {\n  input wave: [1, L]\n  input words: [T, 8]\n  where L >= 5000 and T <= 20\n  wave -> conv(4, 3)\n}"
    domain = program(text).build_open("A").domain
    assert domain is not None and domain.example["L"] >= 5000 and domain.example["T"] <= 20


def test_a_slip_is_told_alone_where_the_first_example_fits_no_constraint() -> None:
    built = program("network A {\n  input wave: [1, L]\n  where L >= 2000\n  con(4, 3)\n}").build_open("A")
    assert [problem.code for problem in built.problems] == ["unknown-name"]


@pytest.mark.parametrize(
    "body, fits",
    [
        ('rows: constant([8], "i * 7 % 16") as index\nx -> take(index=index)', []),
        ("x -> squeeze_excite(4)", []),
        ("x -> instance_norm", ["H*W >= 2"]),
        ("x -> gn(8)", []),
    ],
)
def test_a_network_fits_all_sizes_at_which_it_can_be_built(body: str, fits: list[str]) -> None:
    """A map of one place has all its elements in one row, and no variance."""
    spec = program(f"network A {{\n  input x: [16, H, W]\n  {body}\n  output y\n}}")
    domain = spec.build_open("A").domain
    assert domain is not None and [text for text, _ in domain.explained()] == fits
    for values in ({"H": 1, "W": 1}, {"H": 2, "W": 1}, {"H": 1, "W": 3}):
        is_built = spec.build("A", Settings(values)).network is not None
        assert is_built == all(c.at(values) for c in domain.conditions)


@pytest.mark.parametrize(
    "body, sizes",
    [
        ("where B >= 2 * A\nconv(8, 3x3, stride=2, pad=1)", [(100, 120), (100, 199), (100, 200), (5, 40)]),
        ("where B * 16 == A * 9\nconv(8, 3x3, pad=1)", [(224, 126), (224, 127), (16, 9), (9, 16)]),
        ("where A > B\nconv(8, 3x3)", [(2, 1), (3, 2), (4, 3), (3, 3), (8, 100), (100, 8)]),
        ("where A % 160 == 0\nwhere B == 5 * A\nconv(8, 3x3)", [(160, 800), (160, 801), (100, 500), (320, 1600)]),
        ("where A == B or B >= 2 * A\nconv(8, 3x3, pad=1)", [(7, 7), (7, 13), (7, 14), (8, 7)]),
        ("where A * A * A >= 1_000_000\nconv(8, 3x3, pad=1)", [(99, 1), (100, 1), (50, 400)]),
    ],
)
def test_what_is_told_to_fit_can_be_built_and_nothing_else(body: str, sizes: list[tuple[int, int]]) -> None:
    """The text that is told is read as Python, and the network built at sizes that it holds for and at others."""
    spec = program(f"network X {{\n  input image: [3, A, B]\n  {body}\n  output y\n}}")
    built = spec.build_open("X")
    assert built.network is not None and built.domain is not None
    told = [text for text, _ in built.domain.explained()]
    answers = set()
    for a, b in sizes:
        is_told = all(eval(text, {"A": a, "B": b}) for text in told)
        assert (spec.build("X", Settings({"A": a, "B": b})).network is not None) == is_told, (a, b)
        answers.add(is_told)
    assert answers == {True, False}


def test_of_what_is_stated_of_several_sizes_what_holds_at_all_is_left_out() -> None:
    text = "network X {\n  input x: [3, H, W]\n  where H + W >= 2\n  where W == 2 * H and W >= H\n  relu\n}"
    domain = program(text).build_open("X").domain
    assert domain is not None and [said for said, _ in domain.explained()] == ["W == 2*H"]
