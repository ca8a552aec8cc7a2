"""The effective receptive field, as Luo et al. 2016 measure it."""

from __future__ import annotations

from pathlib import Path

import pytest

from archdsl import load, loads
from archdsl.analyses.weights import PathError
from archdsl.backends.pytorch import effective_field
from archdsl.ir import Network
from tests.support.build import finish, image, network, op
from tests.support.cli import Cli


def chain(layers: int) -> Network:
    """3x3 convolutions in a group each."""
    body, (x,) = network("Chain", image(1, 61))
    for number in range(layers):
        x = body.group(f"layer{number}", x, op("conv", 4, 3, pad=1, bias=False))
    return finish(body, x)


def test_it_grows_with_the_root_of_the_layers() -> None:
    """As a Gaussian's, its variance is the sum of the layers', so four times the layers see twice as far."""
    few, many = (effective_field(chain(layers), f"layer{layers - 1}", samples=40).size for layers in (4, 16))
    assert 1.5 <= many / few <= 2.5
    assert many < 0.8 * (2 * 16 + 1)


def test_one_convolution_sees_its_window() -> None:
    found = effective_field(chain(1), "layer0", samples=40)
    assert (found.pixels, found.unit) == (9, (30, 30))


def test_what_has_no_place_is_refused() -> None:
    body, (x,) = network("Net", image(1, 8))
    net = finish(body, body.group("head", x, op("flatten"), op("linear", 3)))
    for path in ("head", "nothing"):
        with pytest.raises(PathError):
            effective_field(net, path)


def test_the_report_shows_it(capsys: pytest.CaptureFixture[str]) -> None:
    done = Cli(capsys)("report", "receptive-field", "specs/lenet.arch:LeNet5", "--effective", "c3", "--width", "100")
    assert done.code == 0 and "receptive field  14 x 14" in done.out and "random networks" in done.out


def test_it_is_towards_the_first_input_with_places() -> None:
    """As the fields of the table beside it: a 3x3 convolution sees 9 pixels of the image, whichever input comes first."""
    net = loads("""network Net {
      input code: [8]
      input image: [1, 16, 16]
      image -> "seen": conv(4, 3x3, pad=1, bias=false) as map
      code -> linear(4) -> reshape([4, 1, 1]) -> multiply(map)
    }""").graph
    assert effective_field(net, "seen", samples=40).pixels == 9


def test_several_results_are_seen_together() -> None:
    """By hand: a 1x1 and a 3x3 convolution at the same place, 9 pixels."""
    text = """network Net {
      input image: [1, 16, 16]
      pair: {
        conv(1, 1x1, bias=false) as narrow
        image -> conv(1, 3x3, pad=1, bias=false) as wide
      }
      add { | narrow | wide }
    }"""
    assert effective_field(loads(text).graph, "pair", samples=40).pixels == 9


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "input x: int64 [16]; embedding(10, 4) -> permute([1, 0]); part: conv(4, 3, pad=1)",
            "`x` has no gradient: it holds int64",
        ),
        (
            "input x: [3, 8, 8]; conv(4, 3x3); part: { argmax(axis=0) -> cast(float32) -> reshape([1, 6, 6]) }",
            "no gradient goes from `part` to `x`",
        ),
        ("input x: [3, 8, 8]; part: { flatten -> linear(3) }", "units of `part` have no place on `x`"),
    ],
)
def test_what_has_no_gradient_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, words: str
) -> None:
    (tmp_path / "a.arch").write_text(f"network A {{ {text} }}")
    done = Cli(capsys)("report", "receptive-field", f"{tmp_path}/a.arch", "--effective", "part")
    assert done.code == 2 and f"`--effective` cannot be measured: {words}" in done.err


@pytest.mark.parametrize(("path", "words"), [("c33", "; did you mean `c3`?"), ("", "; its layers are `c1` to `")])
def test_a_layer_is_looked_up_as_that_of_a_unit_is(capsys: pytest.CaptureFixture[str], path: str, words: str) -> None:
    done = Cli(capsys)("report", "receptive-field", "specs/lenet.arch:LeNet5", f"--effective={path}")
    assert done.code == 2 and f"`--effective` names nothing: there is no `{path}`{words}" in done.err


def test_in_a_table_of_numbers_it_is_numbers(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Of a 3x3 convolution by hand: 9 pixels."""
    (tmp_path / "a.arch").write_text("network A { input x: [1, 16, 16]; part: conv(64, 3x3, pad=1) }")
    asked = ("report", "receptive-field", f"{tmp_path}/a.arch", "--effective", "part", "--format")
    found = Cli(capsys)(*asked, "csv").out
    assert "\nreceptive field,3x3,\neffective,3x3,9\n" in found
    assert load(f"{tmp_path}/a.arch").report("receptive-field", effective="part", format="csv") == found
    refused = Cli(capsys)(*asked, "json")
    assert (
        refused.code == 2
        and "`--effective` is not heeded in json, only in text, csv, markdown and latex" in refused.err
    )
