"""The effective receptive field, as Luo et al. 2016 measure it."""

from __future__ import annotations

import pytest

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
