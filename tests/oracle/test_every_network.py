"""Compiled networks in a process that does not find archdsl: forward, backward, an update. Here the smallest specs;
`tests/bench/every_network.py` takes all, and docs/reference/benchmarks.md has what came out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.bench.every_network import run

SPECS = Path(__file__).parents[2] / "specs"
FILES = ("autoencoder", "convnet", "lenet", "mlp", "siamese")


def test_networks_train_without_archdsl(tmp_path: Path) -> None:
    results = list(run([SPECS / f"{name}.arch" for name in FILES], tmp_path, memory=10**9))
    assert len(results) >= 10
    assert [r for r in results if r.failure or r.device != "cpu"] == []


def test_a_network_that_does_not_fit_says_its_shapes(tmp_path: Path) -> None:
    results = list(run([SPECS / "vgg16.arch"], tmp_path, memory=10**6))
    assert [(r.device, r.failure) for r in results] == [("meta", "")]


def test_a_wrong_file_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The source of the network has fewer features than the spec says."""
    from archdsl.backends import pytorch

    def wrong(*arguments: Any) -> str:
        return original(*arguments).replace("256", "255")

    original = pytorch.emit
    monkeypatch.setattr(pytorch, "emit", wrong)
    (result,) = run([SPECS / "mlp.arch"], tmp_path, memory=10**9)
    assert result.failure.startswith("AssertionError")
