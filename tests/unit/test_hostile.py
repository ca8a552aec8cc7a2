"""Whatever a spec holds: no exception, an answer in seconds, and every mistake a diagnostic that can be printed."""

from __future__ import annotations

import gc
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archdsl.backends.pytorch import emit
from archdsl.cli import main
from archdsl.elaborate import Settings
from archdsl.pipeline import open_source, subject_of
from archdsl.reports import render_json
from archdsl.source import Diagnostic, Source
from archdsl.source.render import render
from archdsl.source.styled import plain
from archdsl.syntax import messages, parse
from archdsl.syntax.habits import declaration
from archdsl.syntax.lexer import KEYWORDS, tokenize
from archdsl.syntax.spot import Spot
from tests.support.mistakes import PAGES, sections
from tests.support.random_specs import plain as plain_spec
from tests.support.random_specs import random_spec

SPECS = {path.stem: path.read_text("utf-8") for path in (Path(__file__).parents[2] / "specs").glob("*.arch")}
HALF_TYPED = (
    "expect params == 72 within 5k", "expect params == 72 within 5MB", "expect params == 72 within 2x2",
    "shared -> relu", "shared tower -> relu", "input x -> relu", "let y = a -> b", "output a -> b", "dispute params != 3",
    "input image: [3] float16",
)  # fmt: skip
SECONDS = 10
"""Of the processor, for any text of these tests: what takes some is done in 3 on one that is not slow."""

THOROUGH = settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@contextmanager
def in_time() -> Iterator[None]:
    """Fails where the body takes longer than anybody waits. The collector is off, as in the command line."""
    gc.disable()
    start = time.process_time()
    try:
        yield
        assert time.process_time() - start < SECONDS
    finally:
        gc.enable()


def check(text: str, folder: Path) -> list[Diagnostic]:
    """The diagnostics of a spec, all of them printed. A network that could not be built has an error to show for it."""
    spec = open_source(Source(str(folder / "case.arch"), text), folder)
    networks = [spec.check(name) for name in spec.networks]
    found = spec.findings(networks)
    printed = plain(render(found, limit=len(found)))
    assert all(c.isprintable() or c == "\n" for c in printed)
    if any(n.network is None for n in networks) or not spec.program.networks:
        assert any(d.severity == "error" for d in found) or not networks
    return found


def body(text: str) -> str:
    return f"network A {{\n  input image: [3, 8, 8]\n{text}\n}}\n"


# Random texts


@THOROUGH
@given(data=st.binary(max_size=400))
def test_random_bytes(data: bytes, tmp_path: Path) -> None:
    check(data.decode("utf-8", "replace"), tmp_path)


@THOROUGH
@given(text=st.text(max_size=200))
def test_random_text(text: str, tmp_path: Path) -> None:
    check(text, tmp_path)
    check(body(text), tmp_path)


WORDS = [
    *KEYWORDS, *"{}()[]|,:=;~+-*/%^<>._\n\n\n", "[]", "->", "->", "..", "..<", "//", "==", "!=", "<=", ">=", '"a"', '"{i}"',
    '"', "#", "##", "0", "1", "2", "3", "0.5", "1e9", "4k", "3x3", "1x", "x", "xs", "image", "A", "b", "i", "unit", "in.shape",
    "a.b.0", "relu", "conv", "conv(4, 3x3)", "maxpool(2x2)", "add", "concat", "split(2)", "linear(10)", "flatten", "identity",
    "half", "params", "shape(out)", "min", "len", "input image: [3, 8, 8]", "unread-rows", "dropout(0.5)", "bn", "a:", "as t",
]  # fmt: skip
SOUP = st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join)


@THOROUGH
@given(soup=SOUP)
def test_token_soup(soup: str, tmp_path: Path) -> None:
    check(soup, tmp_path)


@THOROUGH
@given(soup=SOUP, unit=st.lists(st.sampled_from(WORDS), max_size=10).map(" ".join))
def test_token_soup_in_a_network(soup: str, unit: str, tmp_path: Path) -> None:
    check(f"block unit {{ {unit} }}\n{body(soup)}", tmp_path)


@given(fragments=st.lists(st.sampled_from([text for text in WORDS if len(text) > 2] + ["relu -> "] * 9), max_size=9))
@THOROUGH
def test_statements(fragments: list[str], tmp_path: Path) -> None:
    """Soup of which more is grammatical: one fragment a line."""
    check(body("\n".join(fragments)), tmp_path)


@THOROUGH
@given(seed=st.integers(0, 2**32))
def test_random_specs(seed: int, tmp_path: Path) -> None:
    """What follows the grammar and means anything or nothing."""
    check(plain_spec(random_spec(Random(seed))), tmp_path)


# Mutated specs

WRONG = [text for page in PAGES for mistake in sections(page)[1] for text in mistake.files.values()]


@st.composite
def mutations(draw: st.DrawFn) -> str:
    """A spec of which some tokens or lines are deleted, doubled, swapped or replaced."""
    names = st.sampled_from(["mlp", "convnet", "lenet", "alexnet", "vgg16"])
    text = draw(st.one_of(names.map(SPECS.__getitem__), st.sampled_from(WRONG)))
    if draw(st.booleans()):
        pieces = text.splitlines(keepends=True)
    else:
        starts = [token.start for token in tokenize(Source("case.arch", text)).tokens]
        pieces = [text[a:b] for a, b in zip([0, *starts], [*starts, len(text)], strict=True)]
    for _ in range(draw(st.integers(1, 3))):
        at, other = draw(st.integers(0, len(pieces) - 1)), draw(st.integers(0, len(pieces) - 1))
        match draw(st.sampled_from(["delete", "double", "swap", "replace"])):
            case "delete":
                pieces[at] = ""
            case "double":
                pieces[at] *= 2
            case "swap":
                pieces[at], pieces[other] = pieces[other], pieces[at]
            case "replace":
                pieces[at] = draw(st.sampled_from(WORDS)) + " "
    return "".join(pieces)


@THOROUGH
@given(text=mutations())
def test_mutated_specs(text: str, tmp_path: Path) -> None:
    """What still holds together can be reported and written as PyTorch."""
    with in_time():
        check(text, tmp_path)
        spec = open_source(Source(str(tmp_path / "case.arch"), text), tmp_path)
        for name in () if spec.problems else spec.networks[:1]:
            checked = spec.check(name)
            if checked.network is not None:
                render_json([subject_of(checked)])
                compile(emit(checked.network), "generated.py", "exec")


# Half-typed statements

DOCS = [rule.__doc__ or "" for rule in (*messages.RULES, declaration)]
EXAMPLES = sorted({text for doc in DOCS for text in re.findall("`([^`]+)`", doc)} | set(HALF_TYPED))


@pytest.mark.parametrize("example", EXAMPLES)
def test_half_typed_statements(example: str) -> None:
    """What a rule of the messages looks for, at the end of a file and as the last of its braces, wherever it is cut."""
    for end in (token.end for token in tokenize(Source("case.arch", example)).tokens):
        for head in ("", "network A {\n  input x: [8]\n  ", "network A {\n  add { | ", "block A("):
            for rest in ("", " }", ")", "\n}\n"):
                text = head + example[:end] + rest
                for found in parse(Source("case.arch", text))[1]:
                    spans = [label.span for label in (found.primary, found.edit) if label is not None]
                    assert all(0 <= span.start <= span.end <= len(text) for span in spans), text


def test_a_rule_that_fails_costs_its_message_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(spot: Spot) -> None:
        raise IndexError(spot.at)

    monkeypatch.setattr(messages, "RULES", (failing, *messages.RULES))
    with pytest.warns(RuntimeWarning, match="`failing` failed"):
        _, (found,) = parse(Source("case.arch", body("relu,")))
    assert found.message == "a statement ends with its line, not with a comma"


# Texts made to hurt

BLOCKS_IN_BLOCKS = "".join(f"block b{i} {{ b{i + 1} }}\n" for i in range(200)) + "block b200 { relu }\n"
DOUBLING = "let a0 = [0]\n" + "".join(f"let a{i + 1} = [a{i}, a{i}]\n" for i in range(60))

DOUBLING_STRING = 'let a0 = "aaaaaaaa"\n' + "".join(f'let a{i + 1} = "{{a{i}}}{{a{i}}}"\n' for i in range(60))


def open_body(text: str) -> str:
    """A network of an image of any size."""
    return f"network A {{\n  input image: [3, H, W]\n{text}\n}}\n"


TOO_MUCH = {
    "a tower of powers": body("let x = 2^2^2^2^2^2"),
    "many repetitions": body("repeat 10^12 { relu }"),
    "many repetitions of a block": "block b { relu }\n" + body("repeat 10^12 { b }"),
    "loops in loops": body("for a in 0..<9000 { for b in 0..<9000 { for c in 0..<9000 { where a + b + c >= 0 } } }"),
    "a long range": body("for i in 0..10^12 { relu }"),
    "a list that doubles": body(DOUBLING + "where a60 == a60"),
    "a list that doubles, as an argument": "block f(a) { relu }\n" + body(DOUBLING + "f(a60)"),
    "a string that doubles": body(DOUBLING_STRING + '"{a60}": relu'),
    "a product of open sums": open_body("let p = " + "*".join(["(H + W + 1)"] * 40) + "\nwhere p > 0"),
    "conditions on an open size": open_body("".join(f"where H != {n}\n" for n in range(2000))),
    "conditions of many periods": open_body(
        "".join(f"where H % {p} == {p - 1}\n" for p in (2, 3, 5, 7, 11, 13, 17, 19, 23))
    ),
    "halves of an open size": open_body("".join(f"conv(4, 3x3, stride={2 + i % 4})\n" for i in range(60))),
    "rows taken from an open size": open_body("repeat 500 { conv(4, 3x3) }"),
    "more words than a file may have": body("relu;" * 600_000),
    "work in a loop": body("let xs = 0..<9000\nfor i in xs { where sum(xs) >= i }"),
    "arguments in a loop": body("for i in 0..<9000 { where max(" + "1, " * 9000 + "i) >= 1 }"),
    "conditions in a loop": body("for i in 0..<9000 { if i < 0 { }" + " else if false { }" * 3000 + " }"),
    "blocks that double": "block f(n) { if n == 0 { relu } else { f(n - 1) -> f(n - 1) } }\n" + body("f(50)"),
    "inline blocks that double": "inline block f(n) { if n == 0 { relu } else { f(n - 1) -> f(n - 1) } }\n"
    + body("f(50)"),
    "blocks that branch": "block f(n) { add { | f(n + 1) | f(n + 2) } }\n" + body("f(0)"),
    "a block without end": "block f(n) { f(n + 1) }\n" + body("f(0)"),
    "a block that calls itself": "block f { f }\n" + body("f"),
    "an inline block that calls itself": "inline block f { f }\n" + body("f"),
    "blocks that call each other": "block f { g }\nblock g { f }\n" + body("f"),
    "a network that is its own variant": "network B = C\nnetwork C = B\n",
    "a chain of variants": body("relu") + "".join(f"network A{i + 1} = A{i or ''}\n" for i in range(300)),
    "blocks in blocks": BLOCKS_IN_BLOCKS + body("b0"),
    "groups in inline blocks": "".join(
        f"inline block b{i} {{ {'{' * 60} a: {{ b{i + 1} }} {'}' * 60} }}\n" for i in range(50)
    )
    + body("b0"),
    "a long sum": body("let x = " + "1 + " * 20_000 + "1"),
    "a long sum in the file": "let x = " + "1 + " * 20_000 + "1\n" + body("conv(x, 1)"),
    "a long sum in a claim": body("relu\nexpect params == " + "0 + " * 20_000 + "1"),
    "many signs": body("let x = " + "-" * 5000 + "1"),
    "many negations": body("where " + "not " * 5000 + "true"),
    "many indices": body("let y = [1]\nlet x = y" + "[0]" * 5000),
    "deep parentheses": body("let x = " + "(" * 5000 + "1" + ")" * 5000),
    "deep braces": body("{" * 5000 + "relu" + "}" * 5000),
    "open braces": body("{ a: " * 5000),
    "many taps joined": body("for i in 0..<9000 { relu as xs[]; xs -> add }"),
    "a large size": "network A { input x: [2^50, 8, 8]; relu }",
    "many axes": "network A { input x: [" + "2, " * 3000 + "2]; relu }",
    "a long number": body("conv(" + "9" * 100_000 + ", 3)"),
    "a long fraction": body("conv(0." + "9" * 100_000 + ", 3)"),
    "a large exponent": body("conv(1e99999999, 3)"),
    "a small exponent": body("conv(1e-99999999, 3)"),
    "a window of many axes": body("conv(3, " + "3x" * 5000 + "3)"),
    "many parameters": "block f(" + ", ".join(f"a{i}" for i in range(20_000)) + ") { relu }\n" + body("f"),
    "many arguments": body("conv(" + "1, " * 20_000 + "1)"),
    "many mistakes": body("image -> foo\n" * 20_000),
    "many mistakes in a loop": body("for i in 0..<9000 { image -> foo }"),
    "many syntax errors": body("a b\n" * 5000),
    "many open parentheses": body("foo(\n" * 5000),
    "many closing brackets": body(")\n" * 5000),
    "many characters that mean nothing": "'\n" * 20_000,
    "one label for all": body("l: relu\n" * 20_000),
    "holes without end": body('"' + "{0}" * 5000 + '": relu'),
    "a file that imports itself": 'import a from "case.arch"\n' + body("a"),
    "a long string": body(f'source "{"a" * 10_000_000}"\nrelu'),
    "a long equation": body('einsum("' + "a b " * 200_000 + '-> a") { | relu }'),
    "a rational of many digits": body("let x = (1/3)^(10^6)"),
    "rationals that grow": body("let x = (1/3)^300 * 7 / 11\nlet y = x * x"),
    "a NUL": body("re\0lu"),
    "control characters": body("re\x07lu\x1b[31m -> \x9b"),
    "a turn of direction": body("l\u202ebc: relu"),
    "a turn of direction in a label": body('"\u202ebc": relu'),
    "a lone surrogate": body('"\ud800": relu -> \udfff'),
    "other spaces": body("relu\u00a0->\u2028relu\u3000"),
    "other digits": body("conv(\u0663, 3)"),
    "other letters": body("\u0645\u0631\u062d\u0628\u0627 -> relu"),
    "nothing but quotes": '"' * 9999,
    "nothing": "",
    "only comments": "#" * 1_000_000,
    "one word": "a" * 1_000_000,
    "one path": body("a" + ".a" * 100_000),
}
ENOUGH = {
    "many statements": body("\n".join(f"l{i}: identity" for i in range(30_000))),
    "many labels with holes": body("let k = 1\n" + "".join(f'"l{i}_{{k}}": abs\n' for i in range(15_000))),
    "one long line": body("identity" + " -> identity" * 30_000),
    "many arms": body("add { " + "| relu " * 9000 + "}"),
    "many repetitions of nothing": body("repeat 10^12 { }"),
    "many repetitions that are alike": body("repeat 90_000_000 { relu }"),
    "many turns that do not ask which they are": body("for a in 0..<9000 { for b in 0..<9000 { relu } }"),
    "many merges": body("repeat 9000 { add { | relu | tanh } }"),
    "many taps": body("".join(f"relu as t{i}\n" for i in range(9000))),
    "many defaults": "default conv(pad=1)\n" * 2000 + body("conv(3, 3x3)"),
    "many branches": body("if false { relu }" + " else if false { relu }" * 5000 + " else { tanh }"),
    "many choices": body("let x = " + "1 if false else " * 300 + "2"),
    "many uses of a shared group": body(
        "shared unit = { repeat 10 { relu -> conv(3, 3x3, pad=1) } }\n"
        + "unit -> maxpool(2x2, stride=1, pad=1)\n" * 200
    ),
    "many networks": "".join(body("relu").replace("A", f"A{i}") for i in range(1000)),
    "quotients of an open size": open_body("let x = " + "(" * 60 + "H" + " + 1)//2" * 60 + "\nwhere x >= 0\nrelu"),
    "a sum of many numbers": body("let x = " + " + ".join(["1"] * 60) + "\nconv(x, 1)"),
    "many constraints": body("where true\n" * 10_000),
    "deep groups": body("a: { " * 90 + "relu" + " }" * 90),
    "deep merges": body("add { | " * 90 + "relu" + " | relu }" * 90),
    "calls in calls": "".join(f"block b{i} {{ a: {{ b{i + 1} }} }}\n" for i in range(50))
    + "block b50 { relu }\n"
    + body("b0"),
    "blank lines": "\n" * 200_000 + body("relu"),
    "semicolons": body(";" * 50_000 + "relu"),
    "doc comments": "## a\n" * 50_000 + body("relu"),
    "byte order marks": "\ufeff" * 1000 + body("relu"),
    "tabs and form feeds": body("\t\frelu\t->\trelu"),
    "a large map": "network A { input x: [2^40, 2^11, 2^11]; conv(2^40, 3x3, pad=1); expect params >= 2^80 }",
}


@pytest.mark.parametrize("name", TOO_MUCH)
def test_too_much_is_an_error(name: str, tmp_path: Path) -> None:
    (tmp_path / "case.arch").write_text(TOO_MUCH[name], "utf-8", "surrogatepass")
    with in_time():
        found = check(TOO_MUCH[name], tmp_path)
    assert any(diagnostic.severity == "error" for diagnostic in found)
    assert all(d.helps for d in found if d.code == "budget-exceeded"), "each says what to do"


@pytest.mark.parametrize("name", ENOUGH)
def test_much_is_fine(name: str, tmp_path: Path) -> None:
    with in_time():
        found = check(ENOUGH[name], tmp_path)
    assert not [diagnostic for diagnostic in found if diagnostic.severity == "error"]


def test_a_summary_of_long_turns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "case.arch"
    path.write_text(body("repeat 1_000 {\n" + "linear(8)\n" * 4_000 + "}"), "utf-8")
    with in_time():
        assert main(["report", "summary", str(path)]) == 0
    assert "4_000_000" in capsys.readouterr().out


SPENDERS = {
    "the loop": (
        body("for a in 0..<900 {\n  for b in 0..<900 { relu; where a + b >= 0 }\n}"),
        (3, "this loop spends it: turn "),
    ),
    "the inner loop": (
        body("for a in 0..<9 {\n  for b in 0..<9000 {\n    for c in 0..<50 { where b >= c - 50 } } }"),
        (4, "this loop"),
    ),
    "the call": (
        "block wide {\n  for i in 0..<9000 {\n    for j in 0..<9 { relu; where i >= 0 } }\n}\n" + body("wide"),
        (2, "this"),
    ),
    "the arms": (
        body("add {\n  for i in 0..<9000 | for j in 0..<9000 { relu; where j >= 0 }\n}"),
        (4, "this loop spends it"),
    ),
}


@pytest.mark.parametrize("name", SPENDERS)
def test_a_spent_budget_names_who_spent_it(name: str, tmp_path: Path) -> None:
    text, (line, label) = SPENDERS[name]
    (problem,) = (d for d in check(text, tmp_path) if d.code == "budget-exceeded")
    assert problem.primary is not None
    marks = [problem.primary, *problem.labels]
    assert any(mark.span.line == line and mark.text.startswith(label) for mark in marks), marks


EVERY_CALL = f"more than 100_000_000 operators with all calls of blocks and all turns of loops: {3 * 2**50 - 1:_}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TOO_MUCH["a string that doubles"], "a string of more than 10_000 characters"),
        (TOO_MUCH["a product of open sums"], "a formula of more than 200 terms"),
        (TOO_MUCH["more words than a file may have"], "a file of more than 1_000_000 words, numbers and signs"),
        (TOO_MUCH["a list that doubles"], "a list of more than 10_000 items"),
        (TOO_MUCH["a tower of powers"], "a number of more than 512 bits"),
        (TOO_MUCH["inline blocks that double"], "more work than that of 200_000 statements"),
        (TOO_MUCH["blocks that double"], EVERY_CALL),
    ],
)
def test_the_budget_is_named(text: str, message: str, tmp_path: Path) -> None:
    assert message in [d.message for d in check(text, tmp_path)]


def test_memory_is_bounded(tmp_path: Path) -> None:
    """Whole processes with a limit; what a check of VGG-16 takes is a fifth of it."""
    names = ["many repetitions of a block", "inline blocks that double", "a list that doubles", "work in a loop"]
    for name in names:
        (tmp_path / f"{name}.arch").write_text(TOO_MUCH[name], "utf-8")
    limit = (
        "import resource as r, archdsl.cli as c; r.setrlimit(r.RLIMIT_AS, (2**29, 2**29)); raise SystemExit(c.main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", limit, "check", str(tmp_path)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr.count("error[budget-exceeded]") == len(names)


def test_a_budget_is_that_of_the_file(tmp_path: Path) -> None:
    """Many networks that are each small enough cost no more than one that is too large."""
    text = "block f(n) { if n == 0 { relu } else { f(n - 1) -> f(n - 1) } }\n"
    text += "".join(body("f(14)").replace("A", f"A{i}") for i in range(50))
    with in_time():
        assert {d.code for d in check(text, tmp_path) if d.severity == "error"} == {"budget-exceeded"}


def test_a_mistake_in_one_network_leaves_the_others(tmp_path: Path) -> None:
    text = body("repeat 10^12 { relu }") + body("relu -> relu").replace("A", "B")
    spec = open_source(Source(str(tmp_path / "case.arch"), text), tmp_path)
    assert [spec.check(name).network is None for name in spec.networks] == [True, False]


@pytest.mark.parametrize("value", [0, -1, 2**600, 10**5, True, "x" * 1000, (1,) * 20_000, ((((1,),),),), 0.5])
def test_settings_from_outside(value: object, tmp_path: Path) -> None:
    text = "network A(n = 3) { input image: [3, 8, 8]; conv(n, 1x1); where n == n }"
    spec = open_source(Source(str(tmp_path / "case.arch"), text), tmp_path)
    checked = spec.check("A", Settings({"n": value}))  # type: ignore[dict-item]
    assert (checked.network is None) == any(d.severity == "error" for d in checked.problems)


def test_the_line_of_every_problem_can_be_shown(tmp_path: Path) -> None:
    """Marks on lines of any length, with characters of any width."""
    for text in ("a" * 5000 + " b", "\t" * 300 + "relu relu", "\u6f22" * 400 + " \u6f22", "relu" + " " * 999 + "relu"):
        _, problems = parse(Source("case.arch", body(text)))
        lines = plain(render(problems)).splitlines()
        assert problems and max(map(len, lines)) < 500
