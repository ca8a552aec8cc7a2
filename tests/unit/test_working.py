"""`archdsl explain FIGURE FILE`: the arithmetic shown is that of the figure."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from archdsl.pipeline import open_spec, subject_of
from archdsl.reports import FIGURES, explain
from tests.support.cli import Cli

SPECS = Path(__file__).parents[2] / "specs"
ARITHMETIC = re.compile(r"[\d()*+ ]+")
PUBLISHED = [
    ("vgg16:VGG16", "params", 138_357_544),
    ("vgg16:VGG16", "macs", 15_470_264_320),
    ("resnet:ResNet50", "macs", 4_089_184_256),
    ("resnet:ResNet50v1", "macs", 3_857_973_248),
    ("vgg16:VGG16", "activations", 15_237_608),
    ("resnext:ResNeXt50_32x4d", "params", 25_028_904),
    ("mobilenet_v2:MobileNetV2", "flops", 2 * 300_774_272),
    ("lenet:LeNet5", "params", 60_000),
    ("lenet:LeNet5", "connections", 340_908),
]


@pytest.mark.parametrize("which, figure, value", PUBLISHED)
def test_the_rows_are_worked_out_and_add_up(which: str, figure: str, value: int) -> None:
    """Python reads the working as it stands; a row is that many times its value."""
    file, name = which.split(":")
    table = explain(figure, subject_of(open_spec(SPECS / f"{file}.arch").check(name)))
    assert table.totals[0].cells[-1].value == value == sum(int(str(r.cells[-1].value)) for r in table.rows)
    for row in table.rows:
        times, working, together = (row.cells[i].value for i in (2, 3, 4))
        if isinstance(working, str) and ARITHMETIC.fullmatch(working) and row.cells[1].value != "subsample 2x2":
            assert eval(working) * int(str(times or "×1")[1:]) == together, row


def test_the_command(cli: Cli) -> None:
    done = cli("explain", "macs", "resnet:ResNet50")
    assert done.code == 0 and "(7*7*3)*64*112*112" in done.out and "macs = 4_089_184_256" in done.out
    for name in FIGURES:
        assert cli("explain", name).out.strip() == cli("explain", name).out.strip() != ""
    assert cli("explain", "macs", "nothing").code == 2
    assert "did you mean `macs`?" in cli("explain", "mac").err
    assert "`archdsl report memory FILE --formulas`" in cli("explain", "memory").err
    assert cli("explain", "Parameters").out == cli("explain", "params").out
