"""Totals as formulas of a network's own parameters."""

import json
from pathlib import Path
from random import Random

import pytest

from archdsl.analyses import Facts
from archdsl.elaborate import Settings
from archdsl.ir import open_size
from archdsl.pipeline import Checked, open_source, open_spec
from archdsl.source import Source
from tests.support.cli import Cli

SPECS = Path(__file__).parents[2] / "specs"
MLP = """
network MLP(hidden = 256, classes = 10, layers = 2) {
  input image: [1, 28, 28]
  flatten
  repeat layers { linear(hidden) -> relu }
  linear(classes)
  output scores
}
"""


def value(figure: int, at: dict[str, int]) -> int:
    size = open_size(figure)
    return figure if size is None else size.at(at)


def mlp() -> Checked:
    return open_source(Source("mlp.arch", MLP), Path()).check("MLP")


def test_dense_layers_by_hand() -> None:
    """784 inputs, two hidden layers, and weights and biases as one counts them; the layers are no open size."""
    facts, domain = mlp().in_parameters.opened
    assert domain.example == {"hidden": 256, "classes": 10}
    for h, c in ((1, 1), (300, 10), (7, 1000)):
        at = {"hidden": h, "classes": c}
        assert value(facts.cost.total.params, at) == 784 * h + h + h * h + h + h * c + c
        assert value(facts.cost.total.macs, at) == 784 * h + h * h + h * c


def test_a_value_from_outside_is_no_symbol() -> None:
    spec = open_source(Source("mlp.arch", MLP), Path())
    _, domain = spec.check("MLP", Settings({"hidden": 8})).in_parameters.opened
    assert domain.example == {"classes": 10}


def test_a_parameter_that_is_0_is_no_symbol() -> None:
    """Sizes are 1 or more, so a head that is there for some classes is not there for all values."""
    headless = (
        MLP.replace("classes = 10", "classes = 0")
        .replace("  linear(c", "  if classes > 0 { linear(c")
        .replace("s)\n", "s) }\n")
    )
    facts, domain = open_source(Source("mlp.arch", headless), Path()).check("MLP").in_parameters.opened
    assert domain.example == {"hidden": 256}
    assert value(facts.cost.total.params, {"hidden": 5}) == 784 * 5 + 5 + 5 * 5 + 5


@pytest.mark.parametrize(
    ("file", "name", "opened"),
    [
        ("vit", "ViT_B16", {"features", "size", "classes"}),
        ("wide_resnet", "WideResNet50_2", {"widening", "classes"}),
        ("unet", "UNet", {"H", "W", "base", "classes", "maps"}),
        ("nasnet", "NASNetALarge", {"p", "stem", "classes"}),
    ],
)
def test_formulas_hold_at_values_that_fit(file: str, name: str, opened: set[str]) -> None:
    """The network built anew at values that fit has the figures that the formulas say."""
    spec = open_spec(SPECS / f"{file}.arch")
    facts, domain = spec.check(name).in_parameters.opened
    assert domain.example.keys() == opened
    random, tried = Random(1), 0
    while tried < 3:
        at = {n: random.choice((v, 2 * v, v + random.randint(0, 96))) for n, v in domain.example.items()}
        if not all(condition.at(at) for condition in domain.conditions):
            continue
        tried += 1
        built = spec.program.build(name, Settings(dict(at)))
        assert built.network is not None, built.problems
        known = Facts(built.network).cost
        assert value(facts.cost.total.params, at) == known.total.params
        assert value(facts.cost.total.macs, at) == known.total.macs
        assert value(facts.cost.values, at) == known.values


def test_n_is_the_batch_and_no_parameter_of_that_name(cli: Cli, tmp_path: Path) -> None:
    spec = tmp_path / "graph.arch"
    spec.write_text("network G(N = 7, F = 8) { input nodes: [N, F]; linear(4) }")
    found = json.loads(cli("report", "formulas", spec, "--format", "json").out)["formulas"]
    assert found["parameters"] == {"F": 8} and found["macs"] == "28*F"
    assert cli("report", "summary", spec, "--set", "N=9").code == 0


def test_the_report_and_its_data(cli: Cli, tmp_path: Path) -> None:
    spec = tmp_path / "mlp.arch"
    spec.write_text(MLP)
    shown = cli("report", "formulas", spec).out
    assert "hidden^2*layers + classes*hidden - hidden^2 + hidden*layers + classes + 784*hidden" in shown
    assert "hidden = 256, classes = 10 and layers = 2 here" in shown
    assert "keeps its value" not in shown
    found = json.loads(cli("report", "formulas", spec, "--format", "json").out)["formulas"]
    assert found["parameters"] == {"hidden": 256, "classes": 10, "layers": 2}
    assert [power["degree"] for power in found["powers"]] == [3, 2, 1] and found["saved_for_backward"]["is_proved"]
    assert json.loads(cli("report", "summary", spec, "--format", "json").out)["formulas"] is None


def test_equal_factors_are_powers_with_parentheses_in_them_too(cli: Cli, tmp_path: Path) -> None:
    """A 3x3 window every 2 with a border of 1 has (size - 1) // 2 + 1 places along an axis."""
    spec = tmp_path / "halves.arch"
    spec.write_text("network N(size = 63) { input x: [3, size, size]; conv(8, 3x3, 2, pad=1) }")
    assert "MACs               216*((size + 1)//2)^2\n" in cli("report", "formulas", spec, "--width", "200").out
