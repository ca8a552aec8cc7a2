"""A module is played once and composed over its calls: what comes of it is what playing each call gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from archdsl.analyses import Facts
from archdsl.analyses.memory import Arithmetic, Size
from archdsl.ir import Network
from archdsl.pipeline import open_spec
from tests.support.cli import Cli
from tests.support.listed import Inference, Kept, shown
from tests.support.random_networks import random_network
from tests.unit.test_turns import doubling

ROOT = Path(__file__).parents[2]
SPECS = sorted((ROOT / "specs").glob("*.arch"))


def assert_composed(network: Network, batch: int) -> None:
    facts = Facts(network)
    listed, found = Inference(facts, batch), facts.inference(batch, Arithmetic())
    assert [*map(shown, found.moments)] == [*map(shown, listed.moments)]
    peak, expected = found.peak, listed.peak()
    assert (peak and shown(peak)) == (expected and shown(expected))
    assert found.floor == listed.floor()
    paths = {moment.layer for moment in listed.moments}
    most = {path: max(m.bytes for m in listed.moments if m.layer == path) for path in paths} if len(paths) < 300 else {}
    assert not most or found.alive(paths) == most
    kept, saved = Kept(facts, batch), facts.memory_at(batch).saved
    assert {kind: size.at(batch) for kind, size in saved.sizes.items()} == {
        k: s.at(batch) for k, s in kept.by_kind.items()
    }
    by_path = {path: size.at(batch) for path, size in saved.of({*kept.by_path}).items() if size != Size()}
    assert by_path == {path: size.at(batch) for path, size in kept.by_path.items()}


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.stem)
def test_networks_of_the_specs(spec: Path) -> None:
    opened = open_spec(spec)
    for number, name in enumerate(opened.networks):
        network = opened.check(name).network
        assert network is not None
        assert_composed(network, 1 + number % 2)


@pytest.mark.parametrize("seed", range(200))
def test_random_networks(seed: int) -> None:
    assert_composed(random_network(seed, training=seed % 2 == 1), 1 + seed // 2 % 2)


@pytest.mark.parametrize("levels", [1, 2, 5])
def test_blocks_that_double(levels: int) -> None:
    assert_composed(doubling(levels), 2)


def test_blocks_that_double_too_often_to_be_played() -> None:
    """Each level adds what its frame holds to the peak, and doubles what is kept."""
    fourth, fifth, last = (Facts(doubling(levels), 2).memory for levels in (4, 5, 24))
    frame = fifth.activation_peak - fourth.activation_peak
    assert frame > 0 and last.activation_peak == fifth.activation_peak + 19 * frame
    assert last.inference.floor == fifth.inference.floor
    more = fifth.saved.bytes - fourth.saved.bytes
    assert last.saved.bytes == fifth.saved.bytes + sum(more * 2**level for level in range(1, 20))
    assert last.parameters == 2**24 * (8 * 8 * 9 + 8 + 2 * (8 * 8 + 8)) * 4
    assert last.at is not None and last.at.layer.count(".") == 25


def test_the_report_of_blocks_that_double(cli: Cli, tmp_path: Path) -> None:
    spec = tmp_path / "doubling.arch"
    blocks = "".join(f"block A{n} {{ A{n - 1}; A{n - 1} }}\n" for n in range(1, 25))
    spec.write_text(f"block A0 {{ conv(4, 3x3, pad=half) }}\n{blocks}network Net {{ input x: [4, 8, 8]; A24 }}\n")
    done = cli("report", "memory", spec)
    assert done.code == 0
    assert "at 0.0" not in done.out and "18 more" in done.out
    done = cli("check", spec, "--max-memory", "1MiB")
    assert done.code == 1 and "memory(peak) <= 1MiB" in done.err
