"""`archdsl explain FIGURE FILE`: the arithmetic shown is that of the figure."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from archdsl.analyses import Facts
from archdsl.ops import catalogue
from archdsl.pipeline import open_spec, subject_of
from archdsl.reports import FIGURES, Subject, explain
from tests.support.build import finish, network
from tests.support.calls import op_of, types_of
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


def explained(figure: str, call: str, given: str) -> tuple[object, object]:
    """The working of a network of one operator, and the figure."""
    body, inputs = network("Net", *types_of(given))
    body.each(op := op_of(call), *inputs)
    facts = Facts(finish(body, inputs[0]))
    (row,) = explain(figure, Subject(facts)).rows
    assert row.cells[1].value == op.resolve(*types_of(given)).summary()
    return row.cells[3].value, row.cells[4].value


COUNTED = [
    (call, given)
    for kind in catalogue().values()
    for call, given, expected in kind.examples
    if op_of(call).macs(types_of(given), types_of(expected))
]


@pytest.mark.parametrize("call, given", COUNTED)
def test_the_working_of_an_example_is_arithmetic(call: str, given: str) -> None:
    """Python reads it, as that of FLOPs too; the figure itself is compared with PyTorch elsewhere."""
    (working, macs), (doubled, flops) = (explained(figure, call, given) for figure in ("macs", "flops"))
    assert ARITHMETIC.fullmatch(str(working)) and eval(str(working)) == macs
    assert ARITHMETIC.fullmatch(str(doubled)) and eval(str(doubled)) == flops == 2 * int(str(macs))


@pytest.mark.parametrize(
    "call, given, working",
    [
        ("conv(16, 3x3, pad=1, groups=2)", "[8, 32, 32]", "(3*3*4)*16*32*32"),
        ('conv(3, 3x5, table=["XX.", ".XX"])', "[2, 6, 6]", "(3*5)*4*4*2"),
        ("conv_transpose(8, 2x3, stride=2)", "[16, 5, 7]", "(2*3*8)*16*5*7"),
        ("linear(10)", "[9, 7]", "(7)*9*10"),
        ("attention(4)", "[10, 24]", "4*(24)*10*24 + (6)*4*10*10 + (10)*10*24"),
        ("attention(4)", "[10, 24], [6, 24]", "2*(24)*10*24 + 2*(24)*6*24 + (6)*4*10*6 + (6)*10*24"),
        ("sdpa", "[4, 10, 6], [4, 8, 6], [4, 8, 5]", "(6)*4*10*8 + (8)*4*10*5"),
        ("lstm(7)", "[9, 12]", "(12)*9*4*7 + (7)*9*4*7"),
        ("gru(7, layers=2, bidirectional=true)", "[9, 12]", "(12)*9*2*3*7 + 2*(7)*9*2*3*7 + (14)*9*2*3*7"),
        ("rnn(4)", "[9, 4]", "2*(4)*9*4"),
        ("matmul", "[8, 5, 4], [8, 4, 3]", "(4)*8*5*3"),
        ('einsum("h k n, h v n -> h k v")', "[4, 16, 9], [4, 32, 9]", "(9)*4*16*32"),
    ],
)
def test_what_is_summed_stands_in_parentheses(call: str, given: str, working: str) -> None:
    assert explained("macs", call, given) == (working, eval(working))


def test_the_command(cli: Cli) -> None:
    done = cli("explain", "macs", "resnet:ResNet50")
    assert done.code == 0 and "(7*7*3)*64*112*112" in done.out and "macs = 4_089_184_256" in done.out
    for name in FIGURES:
        assert cli("explain", name).out.strip() == cli("explain", name).out.strip() != ""
    assert cli("explain", "macs", "nothing").code == 2
    assert "did you mean `macs`?" in cli("explain", "mac").err
    assert "`archdsl report memory FILE --formulas`" in cli("explain", "memory").err
    assert cli("explain", "Parameters").out == cli("explain", "params").out
