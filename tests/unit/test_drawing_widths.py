"""Every spec in every style: no text is wider than what it stands in, and no two meet. A browser says the same of a few."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from archdsl.backends.drawing import Look, Refusal, drawing
from archdsl.backends.drawing.marks.marks import Mark, Part, Picture, Rectangle, Text
from archdsl.backends.drawing.marks.painter import paint
from archdsl.backends.drawing.places.layout import layout
from archdsl.backends.drawing.places.metrics import width
from archdsl.pages import footer_of
from archdsl.pipeline import open_source, open_spec
from archdsl.source import Source
from tests.architecture.source_tree import ROOT

STYLES: dict[str, dict[str, Any]] = {
    "auto": {},
    "overview": {"style": "overview"},
    "expanded": {"style": "expanded"},
    "u": {"style": "u"},
    "volumes": {"style": "volumes"},
    "depth 1": {"depth": 1},
    "depth 2": {"depth": 2},
    "depth 3": {"depth": 3},
    "shaded": {"shading": "macs"},
}
NEITHER = ("u", "volumes")
"""Styles that have a direction of their own."""
OUTSIDE = ("transformer", "deepfm", "gpt2", "detr", "yolov5", "hrnet", "mamba2")
SPECS = [*sorted((ROOT / "specs").glob("*.arch")), *(ROOT / f"tests/data/outside/{name}.arch" for name in OUTSIDE)]
STRIP = 60
"""Height of the strips by which rectangles are found."""


def leaves(marks: Iterable[Mark]) -> Iterator[Mark]:
    for mark in marks:
        if isinstance(mark, Part):
            yield from leaves(mark.marks)
        else:
            yield mark


def ends(text: Text) -> tuple[float, float]:
    across = width(text.text, text.size, text.is_bold)
    left = text.x - {"start": 0, "middle": 0.5, "end": 1}[text.anchor] * across
    return left, left + across


def too_wide(picture: Picture) -> Iterator[str]:
    """Texts that leave the smallest rectangle around their middle, or run into the next text of their line."""
    strips: dict[int, list[Rectangle]] = defaultdict(list)
    lines: dict[int, list[Text]] = defaultdict(list)
    for mark in leaves(picture.marks):
        if isinstance(mark, Rectangle) and mark.height > 8 and mark.width > 12:
            for strip in range(int(mark.top // STRIP), int((mark.top + mark.height) // STRIP) + 1):
                strips[strip].append(mark)
        elif isinstance(mark, Text):
            lines[round(mark.y)].append(mark)
    page = Rectangle(0, 0, picture.width, picture.height, paint=None)  # type: ignore[arg-type]
    for texts in lines.values():
        texts.sort(key=ends)
        for text in texts:
            (left, right), y = ends(text), text.y - text.size / 3
            x = (left + right) / 2
            around = [r for r in strips[int(y // STRIP)] if 0 <= x - r.left <= r.width and 0 <= y - r.top <= r.height]
            box = min(around, key=lambda r: r.width * r.height, default=page)
            if left < box.left - 0.01 or right > box.left + box.width + 0.01:
                yield f"{text.text!r} is {right - left:.1f} wide in {box.width:.1f}"
        for before, after in pairwise(texts):
            blank = width(after.text[: -len(after.text.lstrip())], after.size)
            if ends(after)[0] + blank < ends(before)[1] - 0.01:
                yield f"{before.text!r} runs into {after.text!r}"


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_no_text_is_wider_than_what_it_stands_in(path: Path) -> None:
    spec = open_spec(path)
    checked = spec.check(next(iter(spec.networks)))
    footer = footer_of(checked)
    seen: list[Any] = []
    for name, settings in STYLES.items():
        try:
            drawn = drawing(checked.facts.network, checked.facts.cost, Look(**settings), footer)
        except Refusal:
            continue
        if drawn in seen:
            continue
        seen.append(drawn)
        for is_across in (False, True)[: 1 if name in NEITHER else 2]:
            found = list(too_wide(paint(layout(drawn, is_across=is_across))))
            assert not found, (name, is_across, found)


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ("expect params == 6", "its claim holds"),
        ("expect params == 6\n expect params <= 9", "all 2 claims hold"),
        ("expect params == 7", "1 of 1 claim fails"),
        ("expect params == 7\n expect params == 8\n expect params <= 9", "2 of 3 claims fail"),
    ],
)
def test_the_foot_says_how_many_claims_hold(claims: str, said: str) -> None:
    """Two weights of two features each, and two biases."""
    spec = open_source(Source("net.arch", f"network A {{ input x: [2]; linear(2)\n {claims}\n }}"), ROOT)
    assert footer_of(spec.check("A")) == ("net.arch", said)


def test_what_is_too_wide_is_found() -> None:
    spec = open_spec(ROOT / "specs/lenet.arch")
    checked = spec.check("LeNet5")
    picture = paint(layout(drawing(checked.facts.network, checked.facts.cost)))
    assert not list(too_wide(picture))
    cut = [
        part._replace(marks=(*part.marks, part.marks[2]._replace(text="a text that no cell of this picture holds")))
        for part in picture.marks
        if isinstance(part, Part) and len(part.marks) > 2 and isinstance(part.marks[2], Text)
    ]
    assert list(too_wide(picture._replace(marks=(*picture.marks, *cut))))
