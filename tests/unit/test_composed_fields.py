"""A module is traced once for all fields that are like each other: what calls get of that is what listing all layers gives."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archdsl.analyses import Facts
from archdsl.analyses.receptive_field.affine import Affine, Guards
from archdsl.ir import Network
from archdsl.pipeline import open_source, open_spec
from archdsl.source import Source
from tests.support.cli import Cli
from tests.support.random_networks import random_network
from tests.unit.test_turns import doubling

ROOT = Path(__file__).parents[2]
SPECS = sorted((ROOT / "specs").glob("*.arch"))
PATHS = 6
"""So many of a network are compared, evenly spread, its last layer among them."""
WAYS = {
    "convolutions": "conv(8, 3x3, pad=1) -> relu",
    "holes": "concat { | conv(4, 3x3, pad=2, dilation=2) | conv(4, 1x5, pad=half) }",
    "skip": "add { | conv(8, 3x3, pad=1) -> conv(8, 1x1) | in }",
    "gate": "conv(8, 3x3, pad=1) as x\n  multiply { | x | x -> avgpool(global) -> conv(8, 1x1) -> sigmoid }",
    "to and fro": "maxpool(2) -> conv(8, 3x3, pad=1) -> upsample(2)",
    "skip over": "add { | conv(8, 3x3, stride=2, pad=1) -> conv_transpose(8, 4x4, stride=2, pad=1) | in }",
    "turns": "repeat 40 { conv(8, 3x3, pad=1) }",
    "mirrored borders": "pad(1, mode=reflect) -> conv(8, 3x3)",
    "even windows": "avgpool(2x2, stride=1) -> pad(1) -> avgpool(2x2, stride=1)",
}


def network(text: str) -> Network:
    found = open_source(Source("x.arch", text), Path()).check("X")
    assert found.network is not None, found.problems
    return found.network


def twice(body: str, levels: int, size: int = 32) -> str:
    """A block that calls a smaller one twice, and so on, with a window between the calls."""
    blocks = "".join(f"block A{n} {{ A{n - 1}; conv(8, 5x1, pad=half); A{n - 1} }}\n" for n in range(1, levels + 1))
    return f"block A0 {{\n  {body}\n}}\n{blocks}network X {{\n  input x: [8, {size}, {size}]\n  A{levels}\n}}\n"


def assert_composed(network: Network, *, narrowest: bool = True) -> None:
    facts = Facts(network)
    layers = facts.flat.layers
    paths = [layer.path for layer in (*layers[:: len(layers) // PATHS + 1], *layers[-1:])]
    paths += [call for layer in layers[-1:] for call, _ in layer.calls]
    assert [*map(facts.composed_fields.of, paths)] == [*map(facts.fields.of, paths)]
    if narrowest:
        assert [*map(facts.narrowest_composed_fields.of, paths)] == [*map(facts.narrowest_fields.of, paths)]


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.stem)
def test_networks_of_the_specs(spec: Path) -> None:
    opened = open_spec(spec)
    for number, name in enumerate(opened.networks):
        found = opened.check(name).network
        assert found is not None
        assert_composed(found, narrowest=number % 8 == 0)


@pytest.mark.parametrize("seed", range(60))
def test_random_networks(seed: int) -> None:
    assert_composed(random_network(seed, training=seed % 2 == 1))


@pytest.mark.parametrize("levels", [1, 4])
@pytest.mark.parametrize("way", WAYS)
def test_blocks_that_double(way: str, levels: int) -> None:
    assert_composed(network(twice(WAYS[way], levels)))


def test_two_streams_that_double() -> None:
    assert_composed(doubling(4))
    facts = Facts(doubling(24))
    field = facts.composed_fields.of(facts.network.body.nodes[-1].name)
    assert field is not None and field.size == (2 * 2**24 + 1,) * 2


@pytest.mark.parametrize("way, rows", [("convolutions", 2), ("turns", 80)])
def test_fields_of_more_calls_than_can_be_listed(way: str, rows: int) -> None:
    """Between 2^n calls there are 2^n - 1 further windows, which are wide along the one axis only."""
    field = Facts(network(twice(WAYS[way], 18))).composed_fields.of("0")
    assert field is not None and field.size == (rows * 2**18 + 4 * (2**18 - 1) + 1, rows * 2**18 + 1)


def test_units_far_inside() -> None:
    facts = Facts(network(twice(WAYS["convolutions"], 22))).composed_fields
    first = ".".join(["0"] * 24)
    assert facts.unit(first, (5, 6)) == ((4, 6), (5, 7))
    with pytest.raises(IndexError, match="32x32 units"):
        facts.unit(first, (5, 32))
    for path in ("1", "0.3", f"{first}.0", ""):
        with pytest.raises(KeyError):
            facts.of(path)


def test_the_reports_of_blocks_that_double(cli: Cli, tmp_path: Path) -> None:
    spec = tmp_path / "x.arch"
    spec.write_text(twice(WAYS["skip"], 22))
    done = cli("report", "receptive-field", spec, "--unit", "0.2:3,3")
    assert done.code == 0 and "unit (3, 3) of 0.2 reads rows" in done.out
    assert "8388609" in done.out and "shortest path" in done.out
    assert (
        cli("report", "receptive-field", spec, "--unit", "0.9:3,3").err
        == "archdsl: `--unit` names nothing: there is no `0.9`\n"
    )
    assert "x8388609" in cli("report", "summary", spec).out
    layers = json.loads(cli("report", "all", spec, "--format", "json").out)["layers"]
    assert [layer["receptive_field"]["size"] for layer in layers if layer["op"] == "add"] == [[3, 3]]


def test_a_sum_knows_for_which_numbers_it_was_compared() -> None:
    guards = Guards()
    a, b = (Affine(value, {place: 1}, 0, guards) for place, value in enumerate((3, 10)))
    more = max(2 * a + 1, b - 4)
    assert isinstance(more, Affine) and (more.value, dict(more.terms), more.rest) == (7, {0: 2}, 1)
    (guard,) = guards.found
    for x in range(12):
        for y in range(12):
            assert guard.holds((x, y)) == (y - 4 <= 2 * x + 1)
    assert (
        a - a == 0 and (a + b - a) // 3 == 3 and guards.found[-1].holds((0, 10)) and not guards.found[-1].holds((0, 11))
    )
