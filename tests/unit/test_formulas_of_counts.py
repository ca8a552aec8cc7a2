"""Totals as formulas of parameters that count the turns of a loop, against the network built anew with other counts."""

import json
from pathlib import Path

import pytest

from archdsl.analyses import Facts
from archdsl.analyses.memory import TrainingSettings
from archdsl.elaborate import Settings
from archdsl.ir import open_size
from archdsl.pipeline import Checked, open_source, open_spec
from archdsl.source import Source
from tests.support.cli import Cli

SPECS = Path(__file__).parents[2] / "specs"
NETWORKS = """
block layer(heads) {
  add { | in | ln -> attention(heads) }
  add { | in | ln -> linear(4 * in.features) -> gelu -> linear(in.features) }
}

network GPT(layers = 12, width = 96, heads = 4, vocabulary = 257) {
  input tokens: int64 [T]
  embedding(vocabulary, width)
  repeat layers { layer(heads) }
  ln
  linear(vocabulary, bias=false)
  output logits
}

network Wider(n = 5, k = 4) {
  input image: [3, 32, 32]
  conv(16, 3x3, pad=1)
  for i in 0..<n { conv(16 + k * i, 3x3, pad=1) -> relu }
  avgpool(global) -> flatten -> linear(10)
}

network Dense(n = 8, growth = 12) {
  input image: [3, 32, 32]
  conv(16, 3x3, pad=1)
  repeat n { concat { | identity | bn -> relu -> conv(growth, 3x3, pad=1, bias=false) } }
  avgpool(global) -> flatten -> linear(10)
}

network Ends(n = 5) {
  input image: [3, 32, 32]
  for i in 0..<n {
    conv(16, 3x3, pad=1, stride=2 if i == 0 else 1)
    if i < n - 1 { bn } else { gn(4) }
    if i + 1 == n { conv(20, 3x3) }
    if i >= 1 { relu }
  }
}

network Pair(encoders = 6, decoders = 4) {
  input tokens: [16, 64]
  repeat encoders { layer(4) }
  repeat decoders { layer(4) -> layer(4) }
}
"""
OTHER = (7, 9, 11, 17)
"""Turns that no formula was made from."""


def spec_of(text: str) -> Checked:
    spec = open_source(Source("counts.arch", text), Path())
    return spec.check(spec.networks[-1])


def value(figure: int, at: dict[str, int]) -> int:
    size = open_size(figure)
    return figure if size is None else size.at(at)


def counts(facts: Facts) -> tuple[int, ...]:
    total = facts.cost.total
    return total.params, total.macs, total.buffers, total.connections, facts.cost.values


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


@pytest.mark.parametrize(
    ("name", "opened", "others"),
    [
        ("GPT", ["layers"], {"T": 48, "width": 64, "vocabulary": 100}),
        ("Wider", ["n"], {"k": 3}),
        ("Dense", ["n"], {"growth": 7}),
        ("Ends", ["n"], {}),
        ("Pair", ["encoders", "decoders"], {}),
    ],
)
def test_a_network_with_other_turns_has_the_figures_of_the_formulas(
    name: str, opened: list[str], others: dict[str, int]
) -> None:
    spec = open_source(Source("counts.arch", NETWORKS), Path())
    growth = spec.check(name).in_parameters.growth
    assert growth is not None and list(growth.counts) == opened
    formulas = growth.figures(counts)
    assert formulas is not None
    for turns in OTHER:
        at = {**others, **{count: turns + place for place, count in enumerate(opened)}}
        built = spec.program.build(name, Settings(dict(at)))
        assert built.network is not None, built.problems
        assert tuple(value(figure, at) for figure in formulas) == counts(Facts(built.network))


@pytest.mark.parametrize(
    ("file", "name", "count"),
    [("resnet_cifar", "ResNet110", "n"), ("densenet", "DenseNetCifar40_12", "layers"), ("vit", "ViT_B16", "layers")],
)
def test_networks_of_the_zoo_grow_by_their_formulas(file: str, name: str, count: str) -> None:
    spec = open_spec(SPECS / f"{file}.arch")
    checked = spec.check(name)
    growth = checked.in_parameters.growth
    assert growth is not None and growth.counts == (count,)
    formulas = growth.figures(counts)
    assert formulas is not None
    for turns in OTHER:
        built = spec.program.build(name, Settings({count: turns}))
        assert built.network is not None
        at = {**growth.domain.example, count: turns}
        assert tuple(value(figure, at) for figure in formulas) == counts(Facts(built.network))


@pytest.mark.parametrize(
    "turns",
    [
        "for i in 0..<n { conv(8, 3x3, pad=1)\n if i - 7 == 0 { relu } }",
        "for i in 0..<n { conv(8, 3x3, pad=1)\n if i == 100 { relu } }",
        "for i in 0..<n { conv(8 if i < 40 else 4, 3x3, pad=1) }",
        "for i in 0..<n { conv([8, 4, 8, 4, 8, 8, 8, 8][i], 3x3, pad=1) }",
        "for i in 0..<n { conv(8 * (i // 100 + 1), 3x3, pad=1) }",
        "for i in 0..<n { conv(max(8, i), 3x3, pad=1) }",
        "for i in 0..<n { conv(2 ^ i, 3x3, pad=1) }",
        "for i in 0..<n { conv(8, 3x3, pad=1, stride=2) }",
        "let late = n > 50\n conv(8, 3x3, pad=1)\n if late { relu }",
        "let widths = [8 for i in 0..<n]\n for w in widths { conv(w, 3x3, pad=1) }",
    ],
)
def test_what_decides_what_there_is_keeps_its_value(turns: str) -> None:
    checked = spec_of(f"network X(n = 3) {{\n input image: [3, 64, 64]\n {turns}\n}}")
    assert checked.network is not None
    assert checked.in_parameters.growth is None and checked.in_parameters.kept == {"n": 3}


def test_what_counts_no_turns_keeps_its_value_though_its_figures_are_regular() -> None:
    """840 channels fit any number of groups that is tried, and have the figures that they have with any."""
    checked = spec_of(
        "network X(groups = 4, n = 3) {\n input image: [3, 8, 8]\n conv(840, 1x1) -> gn(groups)\n"
        " repeat n { conv(840, 1x1) }\n}"
    )
    growth = checked.in_parameters.growth
    assert growth is not None and growth.counts == ("n",)


def test_without_turns_figures_are_read_off_at_several_sizes(cli: Cli, tmp_path: Path) -> None:
    """A size in a formula of the text has to have a value: n * n weights and a bias for each of n."""
    spec = tmp_path / "text.arch"
    spec.write_text(
        'network X(n = 8) {\n input x: [n]\n linear(n) as y\n table: constant([n], "i / {n}") as w\n multiply { | y | w }\n}'
    )
    shown = cli("report", "formulas", spec).out
    assert "params             n^2 + n\n" in shown and "\nn: formulas through the figures at 1 to 6" in shown


def test_a_file_has_the_budget_for_the_counts_of_a_network_of_long_formulas() -> None:
    """Blocks that are as before cost nothing more with other counts, nor does what is worked out from them."""
    checked = spec_of(
        "block unit(c) {\n conv(c, 3x3, pad=1) -> relu -> conv(c, 3x3, pad=1) -> relu\n}\n"
        "network X(base = 8, a = 6, b = 6) {\n input image: [3, H, W]\n"
        " for i in 0..4 { conv(base * 2^i, 3x3, stride=2, pad=1); repeat 40 { unit(base * 2^i) } }\n"
        " repeat a { unit(2 * base) }\n repeat b { unit(base) }\n}"
    )
    growth = checked.in_parameters.growth
    assert growth is not None and growth.counts == ("a", "b")


def test_the_same_block_by_a_count_and_by_a_number_is_asked_twice() -> None:
    """The block was elaborated for 1 before the loop asks for it with its own variable."""
    text = (
        "block unit(i) {\n conv(8, 3x3, pad=1)\n if i == 9 { relu }\n}\n"
        "network X(n = 3) {\n input image: [3, 8, 8]\n unit(0)\n unit(1)\n for i in 0..<n { unit(i) }\n}"
    )
    assert spec_of(text).in_parameters.growth is None


@pytest.mark.parametrize("name", ["Dense", "Pair"])
def test_memory_with_other_turns_is_that_of_the_formulas(cli: Cli, tmp_path: Path, name: str) -> None:
    (tmp_path / "counts.arch").write_text(NETWORKS)
    spec = open_source(Source("counts.arch", NETWORKS), Path())
    found = json.loads(cli("report", "formulas", f"{tmp_path / 'counts.arch'}:{name}", "--format", "json").out)[
        "formulas"
    ]
    for turns in (7, 11):
        at = dict.fromkeys(found["counts"], turns)
        built = spec.program.build(name, Settings(dict(at)))
        assert built.network is not None
        facts = Facts(built.network)
        for batch in (2, 32):
            step = facts.training(TrainingSettings(), batch)
            known = {"inference_peak": facts.memory_at(batch).figure("peak").bytes, "training_peak": step.peak}
            for figure, expected in known.items():
                formula = found[figure]
                assert not formula["parameters"] and all(turns >= least for least in formula["least"].values())
                names = {**found["parameters"], **at}
                sums = [[eval(str(n), {}, names) for n in line] for line in formula["sums"]]
                assert max(fixed + batch * per_sample for fixed, per_sample in sums) == expected


def test_the_report_names_what_it_was_made_from(cli: Cli, tmp_path: Path) -> None:
    spec = tmp_path / "few.arch"
    spec.write_text(
        "network Few(n = 5) {\n where n <= 7\n input image: [3, 8, 8]\n repeat n { conv(4, 3x3, pad=1) }\n}"
    )
    shown = cli("report", "formulas", spec).out
    assert "params             148*n - 36" in shown
    assert "n counts turns: formulas through the figures at 1 to 6" in shown
    assert "with n = 8 and 10 it does not hold together" in shown
    found = json.loads(cli("report", "formulas", spec, "--format", "json").out)["formulas"]
    assert found["counts"] == {"n": [1, 2, 3, 4, 5, 6]} and found["parameters"] == {"n": 5}


def test_a_long_repeat_has_formulas_of_its_memory(cli: Cli, tmp_path: Path) -> None:
    """Turns that one stands for are not counted one by one: 1,000 of them by the formulas of 100,000."""
    text = "network Long(n = 100000) {\n input image: [3, 8, 8]\n conv(4, 3x3, pad=1)\n repeat n { conv(4, 1x1) -> relu }\n}"
    (tmp_path / "long.arch").write_text(text)
    found = json.loads(cli("report", "formulas", tmp_path / "long.arch", "--format", "json").out)["formulas"]
    built = open_source(Source("long.arch", text), Path()).program.build("Long", Settings({"n": 1000})).network
    assert built is not None and not found["training_peak"]["parameters"]
    sums = [[eval(str(n), {}, {"n": 1000}) for n in line] for line in found["training_peak"]["sums"]]
    assert (
        max(fixed + 8 * per_sample for fixed, per_sample in sums) == Facts(built).training(TrainingSettings(), 8).peak
    )
