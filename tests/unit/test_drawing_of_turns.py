"""Pictures and pages of long loops: each turn is shown once, with the count of all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from archdsl.backends.drawing import Look, Style, draw
from archdsl.pages import html_of
from tests.support.cli import Cli
from tests.unit.test_turns import BLOCKS, BODIES, checked

HUGE = {
    "blocks": ("repeat 1_000_000 { res }", ["×1_000_000"]),
    "layers": ("repeat 1_000_000 { conv(8, 3x3) -> relu }", ["×1_000_000"]),
    "blocks in loops": ("repeat 1_000 { repeat 2_000 { res }\nconv(8, 1x1) }", ["×1_000", "×2_000"]),
    "more than a page shows": ("repeat 5_000 { res }", ["×5_000"]),
    "a group": ("layers: { repeat 1_000_000 { res } }", ["×1_000_000"]),
}


@pytest.mark.parametrize("name", HUGE)
def test_a_long_loop_is_one_turn_with_a_count(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    body, counts = HUGE[name]
    found = checked(f"{BLOCKS}{body}\n}}\n", monkeypatch, 256)
    picture = draw(found.facts.network, found.facts.cost, Look("svg")).decode()
    assert re.findall(r"(?<!\d)×[\d_]+", re.sub(r"<[^>]*>", " ", picture)) == counts
    page = html_of(found)
    assert "<script" not in page and "<svg" in page
    assert all(count in page for count in counts)


def test_a_step_of_a_long_loop_is_plotted(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    spec, picture = tmp_path / "net.arch", tmp_path / "net.svg"
    spec.write_text(f"{BLOCKS}repeat 1_000_000 {{ res }}\n}}\n", "utf-8")
    assert Cli(capsys)("plot", "timeline", spec, "--train", "-o", picture).code == 0
    assert "</svg>" in picture.read_text("utf-8")


@pytest.mark.parametrize("name", BODIES)
def test_every_loop_is_drawn_in_every_style(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = checked(f"{BLOCKS}{BODIES[name]}\n}}\n", monkeypatch, 1)
    styles: tuple[Style, ...] = ("auto", "expanded", "overview")
    for style in styles:
        picture = draw(found.facts.network, found.facts.cost, Look("svg", style=style)).decode()
        assert "</svg>" in picture
