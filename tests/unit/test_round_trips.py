"""Round trips over every spec of the project and random networks: text -> form -> text, and graph -> text -> graph."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from archdsl.ir import Network, print_network, read_network
from archdsl.ops import find
from archdsl.pipeline import open_source
from archdsl.source import Source
from archdsl.syntax.format import format_source
from tests.differential.writer import random_spec
from tests.support.cli import ROOT
from tests.support.pages import blocks

FOLDERS = [ROOT / "specs", ROOT / "tests" / "data" / "outside", ROOT / "archdsl" / "prelude"]
FILES = [path for folder in FOLDERS for path in sorted(folder.glob("*.arch"))]
PAGES = [path for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))] if "```arch" in path.read_text()]
RANDOM = 40
"""Random networks; `python -m tests.differential` makes as many as one likes, with PyTorch as the judge."""


def networks(text: str, folder: Path) -> list[Network]:
    """All networks of a spec that hold together; those with open sizes for all sizes too."""
    spec = open_source(Source(str(folder / "case.arch"), text), folder)
    checked = [spec.check(name) for name in spec.networks]
    built = (n for c in checked for n in (c.network, c.formulas.network if c.formulas is not None else None))
    return [network for network in built if network is not None]


def without_places(network: Network) -> str:
    """The graph as text, wherever the spec stands in its file."""
    return re.sub(r" at \d+:\d+:\d+", "", print_network(network))


def assert_round_trips(text: str, folder: Path) -> None:
    before = networks(text, folder)
    for network in before:
        printed = print_network(network)
        assert print_network(read_network(printed, find)) == printed
    once, _ = format_source(Source("case.arch", text))
    if once in (None, text):
        return
    assert once is not None
    twice, _ = format_source(Source("case.arch", once))
    assert twice == once
    after = networks(once, folder)
    assert list(map(without_places, after)) == list(map(without_places, before))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_spec_of_the_project(path: Path) -> None:
    """It is formatted too: `archdsl fmt --check` has nothing to say."""
    text = path.read_text("utf-8")
    formatted, _ = format_source(Source(str(path), text))
    assert formatted == text
    assert_round_trips(text, path.parent)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_snippets_of_a_page(page: Path, tmp_path: Path) -> None:
    """Snippets may be laid out to make a point, and they may be wrong: their graphs stay as they are."""
    snippets = [block for block in blocks(page.read_text("utf-8")) if block.language == "arch"]
    for block in snippets:
        if "file" in block.options:
            (tmp_path / block.options["file"]).write_text(block.text, "utf-8")
    for block in snippets:
        assert_round_trips(block.text, tmp_path)


@pytest.mark.parametrize("seed", range(RANDOM))
def test_a_random_network(seed: int, tmp_path: Path) -> None:
    text = random_spec(seed)
    assert networks(text, tmp_path)
    assert_round_trips(text, tmp_path)
