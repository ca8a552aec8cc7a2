"""Bounds by hand: small layers on a device whose figures are round."""

from __future__ import annotations

import csv
import io
import json

import pytest

from archdsl.analyses import Facts
from archdsl.analyses.cost import totals, works
from archdsl.analyses.roofline import DEVICES, Device, roofline
from archdsl.ir import Network, TensorType, flatten
from archdsl.reports import Subject, report
from tests.support.build import finish, network, op
from tests.support.cli import Cli

ROUND = Device("a device", {"float32": 1e6, "bfloat16": 4e6}, 1e6, None, "made up")


def sample() -> Network:
    """A 3x3 convolution of 4 to 8 channels on 8x8, padded; relu; flatten; 512 to 10 features; dropout."""
    body, (x,) = network("Net", TensorType((4, 8, 8)))
    layers = (op("conv", 8, 3, pad=1, bias=False), op("relu"), op("flatten"), op("linear", 10), op("dropout", 0.5))
    return finish(body, body.chain(x, *layers))


def test_a_layer_takes_the_longer_of_arithmetic_and_memory() -> None:
    conv, relu, linear = roofline(flatten(sample()), ROUND).bounds
    assert conv.flops == 2 * 8 * 64 * 4 * 9 and conv.bytes == 4 * (256 + 512 + 8 * 4 * 9)
    assert (conv.seconds, conv.by) == (pytest.approx(0.036864), "arithmetic")
    assert relu.flops == 0 and (relu.seconds, relu.by) == (pytest.approx(4 * 1024 / 1e6), "memory")
    assert linear.bytes == 4 * (512 + 10 + 5120 + 10) and linear.by == "memory"
    assert linear.flops == 2 * 5120


def test_a_batch_shares_the_weights_and_half_the_bytes_are_half_the_time() -> None:
    conv, relu, linear = roofline(flatten(sample()), ROUND, "bfloat16", batch=3).bounds
    assert conv.flops == 3 * 2 * 8 * 64 * 4 * 9 and conv.bytes == 2 * (3 * (256 + 512) + 8 * 4 * 9)
    assert relu.seconds == pytest.approx(3 * 2 * 1024 / 1e6)
    assert linear.bytes == 2 * (3 * 522 + 5130)


def test_backward_by_hand() -> None:
    """The first layer needs no gradient of its input; the last needs both."""
    conv, linear = 8 * 64 * 4 * 9, 5120
    assert totals(works(flatten(sample(), training=True))) == (conv + linear, conv + 2 * linear)


@pytest.mark.parametrize("device", DEVICES)
def test_the_report_adds_up(device: str) -> None:
    facts = Facts(sample(), 2)
    _, table = report("flops", Subject(facts, roofline=facts.roofline(device)))
    times = [row.cells[5].value for row in table.rows]
    (total,) = table.totals
    assert total.cells[5].value == pytest.approx(sum(t for t in times if isinstance(t, float)))
    assert total.cells[2].value == 2 * 2 * (8 * 64 * 4 * 9 + 5120)


def test_rows_hold_what_json_lists_layer_by_layer(cli: Cli) -> None:
    """A row of ResNet-18 is the sum of its layers; mixed precision is bounded by bfloat16."""
    asked = ("report", "flops", "resnet:ResNet18", "--on", "a100", "--batch", "32")
    found = json.loads(cli(*asked, "--precision", "bf16-mixed", "--format", "json").out)["roofline"]
    assert found["precision"] == "bfloat16" and found["bytes_per_second"] == 2.039e12
    assert found["seconds"] == pytest.approx(sum(layer["seconds"] for layer in found["layers"]))
    printed = csv.DictReader(
        io.StringIO(cli(*asked, "--precision", "bfloat16", "--format", "csv").out.split("\n\n")[-1])
    )
    of_rows = {row["layer"]: float(row["microseconds"]) for row in printed if row["microseconds"]}
    of_block = sum(layer["seconds"] for layer in found["layers"] if layer["path"].startswith("layer1.0."))
    assert of_rows["layer1.0"] == pytest.approx(1e6 * of_block)


def test_a_precision_without_a_figure_is_refused() -> None:
    with pytest.raises(ValueError, match="states no peak for tf32"):
        Facts(sample()).roofline("cpu", "tf32")
