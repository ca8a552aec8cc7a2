"""Bytes as formulas against the figures of single batches and sizes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from archdsl.analyses import Facts
from archdsl.analyses.memory import MemoryFormulas, Size, TrainingSettings
from archdsl.analyses.memory.formulas import largest
from archdsl.elaborate import Settings
from archdsl.ir import open_size
from archdsl.pipeline import open_source
from archdsl.source import Source
from tests.support.cli import Cli
from tests.support.networks import published

ADAM = TrainingSettings("adam")
BATCHES = (2, 3, 7, 8, 20, 100, 4000)


@pytest.mark.parametrize("model", ["alexnet", "vgg16", "resnet18", "mobilenet_v2"])
def test_formulas_hold_for_every_batch(model: str) -> None:
    net = published(model)
    formulas = Facts(net).memory_formulas(ADAM)
    assert formulas.saved and formulas.inference and formulas.training and formulas.training.is_proved
    for batch in BATCHES:
        facts = Facts(net, batch)
        assert formulas.saved.at(batch) == facts.memory.saved.bytes
        assert formulas.inference.at(batch) == facts.memory.figure("peak").bytes
        assert formulas.training.at(batch) == facts.training(ADAM).peak


def test_the_envelope_has_each_line_that_is_the_highest_somewhere() -> None:
    lines = [Size(100, 1), Size(90, 2), Size(60, 3), Size(50, 4), Size(0, 5), Size(99, 1), Size(10, 4)]
    found = largest(lines)
    assert found.sums == (Size(100, 1), Size(90, 2), Size(50, 4), Size(0, 5))
    assert all(found.at(n) == max(line.at(n) for line in lines) for n in range(2, 200))


OPEN = """
network Net {
  input image: [3, H, W]
  stem: { conv(8, 3x3, pad=1) -> bn -> relu } as taken
  conv(16, 3x3, pad=1) -> relu -> conv(8, 1x1) as back
  add { | back | taken }
  conv(2, 1x1)
  output y
}"""


def test_formulas_hold_for_every_size() -> None:
    spec = open_source(Source("net.arch", OPEN), Path())
    formulas = spec.check("Net").formula_facts
    assert formulas is not None
    found = formulas.memory_formulas(ADAM)
    for height, width, batch in ((8, 8, 2), (20, 30, 5), (64, 48, 16)):
        facts = spec.check("Net", Settings({"H": height, "W": width}), batch).facts
        values = {"H": height, "W": width}
        assert at(found, values, batch) == (
            facts.memory.saved.bytes,
            facts.memory.figure("peak").bytes,
            facts.training(ADAM).peak,
        )


def at(found: MemoryFormulas, values: dict[str, int], batch: int) -> tuple[int, ...]:
    """The values of the formulas."""
    numbers = []
    for formula in found:
        assert formula is not None
        sums = (sum_at(line, values).at(batch) for line in formula.sums)
        numbers.append(max(sums))
    return tuple(numbers)


def sum_at(line: Size, values: dict[str, int]) -> Size:
    return Size(*(n if (size := open_size(n)) is None else size.at(values) for n in line))


TOKENS = """
network Net {
  input tokens: [T, 64]
  add { | ln -> attention(4) | identity }
  add { | ln -> linear(256) -> gelu -> linear(64) | identity }
  output y
}"""


def test_what_grows_with_the_square_of_the_tokens_stands_apart(cli: Cli, tmp_path: Path) -> None:
    """Vaswani et al. 2017, Table 1: T^2 d for attention, twice; T d^2 for the linear layers, 4 and 8 of them."""
    file = tmp_path / "net.arch"
    file.write_text(TOKENS, "utf-8")
    said = cli("report", "formulas", str(file), "--width", "100").out
    assert "MACs               128*T^2 + 49_152*T" in said
    assert "degree 2         128*T^2" in said
    assert "degree 1         49_152*T" in said and "attention and linear" in said


def test_the_report_of_a_closed_network_has_formulas_of_the_batch(cli: Cli) -> None:
    said = cli("report", "formulas", "vgg16", "--set", "classes=1000", "--width", "100").out
    assert "inference peak     553_430_176 + 26_292_224*N" in said
    assert "kept for backward  73_355_264*N" in said


TEXTS = """
network Texts(d = 16) {
  input words: int64 [T]
  stack { | words -> embedding(500, d) -> detach | words -> embedding(500, d) } as channels
  concat { for k in [3, 4, 5] | channels -> conv(10, [k, d]) -> relu -> adaptive_maxpool(1) -> flatten }
  dropout(0.5) -> linear(2)
}"""
POINTS = """
network Points {
  input points: [P, 3]
  linear(16) -> relu -> linear(16) -> reduce_max(0) -> linear(64) -> relu -> linear(2)
}"""

VIEWS = """
network Views {
  input x: [T, 16]
  linear(16) -> reshape([T, 2, 8]) -> permute([1, 0, 2]) as q
  matmul { | q | q -> permute([0, 2, 1]) } -> softmax(-1) as w
  matmul { | w | q } -> permute([1, 0, 2]) -> reshape([T, 16]) -> linear(3)
}"""
POOLED = """
network Pooled {
  input image: [4, H, 8]
  where H % 4 == 0
  for i in 0..2 { conv(8, 3x3, pad=1) -> maxpool(3x3, 2, pad=same) }
}"""


@pytest.mark.parametrize(
    ("text", "symbol", "sizes"),
    [
        (TEXTS, "T", (5, 6, 9, 17, 50, 224, 1000)),
        (POINTS, "P", (1, 2, 5, 17, 50, 224, 1000)),
        (VIEWS, "T", (2, 3, 6, 17, 50, 224)),
        (POOLED, "H", (4, 8, 36, 224)),
    ],
    ids=["texts", "points", "views", "pooled"],
)
def test_peaks_hold_down_to_the_least_size_that_fits(text: str, symbol: str, sizes: Sequence[int]) -> None:
    """Where a head is large beside a small map, other moments have the peak than at the example."""
    spec = open_source(Source("net.arch", text), Path())
    (name,) = spec.networks
    formulas = spec.check(name).formula_facts
    assert formulas is not None
    found = formulas.memory_formulas(TrainingSettings())
    for size in sizes:
        for batch in (2, 3, 5, 16, 100):
            facts = spec.check(name, Settings({symbol: size}), batch).facts
            real = facts.memory.saved.bytes, facts.memory.figure("peak").bytes, facts.training(TrainingSettings()).peak
            assert at(found, {symbol: size}, batch) == real


def test_copies_of_views_are_told_of_parameters_too(cli: Cli, tmp_path: Path) -> None:
    """5 w numbers each: the input, both copied factors of the scores, the values of the mix and the copy of it in order;
    and 2 x 5 x 5 weights."""
    text = VIEWS.replace("Views {", "Views(w = 8) {").replace("16", "w").replace("T", "5").replace("8]", "w // 2]")
    text = text.replace(" as w", " as mix").replace("| w |", "| mix |")
    (file := tmp_path / "net.arch").write_text(text, "utf-8")
    assert "kept for backward  (100*w + 200)*N" in cli("report", "formulas", str(file), "--width", "100").out
    assert "= 2_000 bytes" in cli("report", "memory", str(file), "--batch", "2").out


def test_what_has_no_formula_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (file := tmp_path / "turns.arch").write_text("network L {\n  input x: [T, 8]\n  lstm(16)\n}\n")
    done = Cli(capsys)("report", "formulas", str(file), "--width", "160")
    lines = [line for line in done.out.splitlines() if line.startswith(("kept for backward", "training peak"))]
    assert len(lines) == 2
    assert all("no formula: lstm keeps workspaces for backward in whole pages of memory" in line for line in lines)
