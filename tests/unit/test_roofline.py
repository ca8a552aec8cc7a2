"""Bounds by hand: small layers on a device whose figures are round."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from archdsl import load
from archdsl.analyses import Facts
from archdsl.analyses.cost import totals, works
from archdsl.analyses.memory import TrainingSettings
from archdsl.analyses.roofline import DEVICES, Device, RooflineFacts, roofline, step_roofline
from archdsl.ir import Network, TensorType, flatten
from archdsl.reports import Subject, report
from tests.support.build import block, end, finish, network, op
from tests.support.cli import Cli

ROUND = Device("a device", {"float32": 1e6, "bfloat16": 4e6}, 1e6, None, "made up", "cpu")


def sample() -> Network:
    """A 3x3 convolution of 4 to 8 channels on 8x8, padded; relu; flatten; 512 to 10 features; dropout."""
    body, (x,) = network("Net", TensorType((4, 8, 8)))
    layers = (op("conv", 8, 3, pad=1, bias=False), op("relu"), op("flatten"), op("linear", 10), op("dropout", 0.5))
    return finish(body, body.chain(x, *layers))


def test_a_layer_takes_the_longer_of_arithmetic_and_memory() -> None:
    conv, relu, linear = roofline(flatten(sample()), ROUND).bounds
    assert conv.flops == 2 * 8 * 64 * 4 * 9 and conv.bytes == 4 * (256 + 512 + 8 * 4 * 9)
    assert conv.seconds == pytest.approx(0.036864) and conv.by == "arithmetic"
    assert relu.flops == 0 and relu.seconds == pytest.approx(4 * 1024 / 1e6) and relu.by == "memory"
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


def test_a_step_by_hand() -> None:
    """Three samples: what backward reads and writes of each layer once, and Adam's seven trips for each parameter."""
    found = step_roofline(flatten(sample(), training=True), ROUND, "float32", 3, TrainingSettings("adam"))
    moved = [(bound.phase, bound.layer.op.name, bound.bytes // 4) for bound in found.bounds]
    assert moved == [
        ("forward", "conv", 3 * (256 + 512) + 288),
        ("forward", "relu", 3 * (512 + 512)),
        ("forward", "linear", 3 * (512 + 10) + 5130),
        ("forward", "dropout", 3 * (10 + 10)),
        ("backward", "dropout", 3 * (10 + 10 + 10)),
        ("backward", "linear", 3 * (10 + 512 + 512) + 5120 + 5130),
        ("backward", "relu", 3 * (512 + 512 + 512)),
        ("backward", "conv", 3 * (512 + 256) + 288),
        ("optimizer", "conv", 7 * 288),
        ("optimizer", "linear", 7 * 5130),
    ]
    assert [bound.flops for bound in found.bounds[4:8]] == [0, 2 * 3 * 2 * 5120, 0, 2 * 3 * 8 * 64 * 4 * 9]
    assert sum(found.phases.values()) == pytest.approx(found.seconds)
    assert found.phases["optimizer"] == pytest.approx(4 * 7 * (288 + 5130) / 1e6)


def test_a_gradient_that_is_handed_on_is_not_moved() -> None:
    """`add` gives both arms the gradient that came in; on a GPU dropout keeps a byte an element, not its noise."""
    body, (x,) = network("Net", TensorType((8,)))
    a = body.one(op("linear", 8), x)
    flat = flatten(finish(body, body.one(op("add"), a, body.one(op("dropout", 0.5), a))), training=True)
    of = {
        kernels: {
            bound.layer.op.name: bound.bytes
            for bound in step_roofline(flat, ROUND._replace(kernels=kernels), "float32", 1, TrainingSettings()).bounds
            if bound.phase == "backward"
        }
        for kernels in ("cpu", "cuda")
    }
    assert of["cpu"].keys() == {"linear", "dropout"}
    assert (of["cpu"]["dropout"], of["cuda"]["dropout"]) == (4 * 8 * 3, 4 * 8 * 2 + 8)


def test_a_step_of_several_passes_has_one_of_the_optimizer() -> None:
    flat = flatten(sample(), training=True)
    once, twice = (step_roofline(flat, ROUND, "float32", 3, TrainingSettings(accumulate=n)).phases for n in (1, 2))
    assert twice["backward"] == pytest.approx(2 * once["backward"]) and twice["optimizer"] == once["optimizer"]


def test_the_step_of_the_command_line_adds_up(cli: Cli) -> None:
    """Mixed precision moves halves in forward and backward, and whole float32 in the optimizer's step."""
    asked = (
        "report",
        "flops",
        "resnet:ResNet18",
        "--on",
        "h200",
        "--batch",
        "32",
        "--train",
        "--optimizer",
        "momentum",
    )
    found = {
        precision: json.loads(cli(*asked, "--precision", precision, "--format", "json").out)["roofline"]
        for precision in ("float32", "bf16-mixed")
    }
    for one in found.values():
        assert one["seconds"] == pytest.approx(sum(one["phases"].values()))
        assert one["seconds"] == pytest.approx(sum(layer["seconds"] for layer in one["layers"]))
    mixed, whole = (found[precision]["phases"]["optimizer"] for precision in ("bf16-mixed", "float32"))
    assert mixed == whole == pytest.approx(5 * 4 * 11_689_512 / 4.8e12)
    assert "at least forward" in cli(*asked, "--precision", "float32").out


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


@pytest.mark.parametrize(("device", "peak"), [("a100", 312e12), ("h200", 989.4e12)])
@pytest.mark.parametrize("precision", ["float16", "fp16-mixed"])
def test_tensor_cores_do_float16_as_fast_as_bfloat16(cli: Cli, device: str, peak: float, precision: str) -> None:
    """NVIDIA Ampere and Hopper Architecture In-Depth: one figure for FP16 and BF16 with accumulation in FP32."""
    asked = ("report", "flops", "resnet:ResNet18", "--on", device, "--format", "json", "--precision")
    half, found = (json.loads(cli(*asked, name).out)["roofline"] for name in ("bfloat16", precision))
    assert found["precision"] == "float16" and found["flops_per_second"] == peak
    assert found["layers"] == half["layers"]


def test_a_precision_without_a_figure_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`precision` is no 'tf32' on Intel Xeon Platinum 8480\+: float32, bfloat16"):
        Facts(sample()).roofline("cpu", "tf32")
    with pytest.raises(
        ValueError, match=r"`precision` is no 'float16' on Intel Xeon Platinum 8480\+: float32, bfloat16"
    ):
        Facts(sample()).roofline("cpu", "float16")


def test_blocks_that_double_are_bounded_once(cli: Cli, tmp_path: Path) -> None:
    """2^24 convolutions take 2^24 times as long as one; rows that share a block are refused, and so is a step."""
    blocks = ["block A0 {\n  conv(8, 3x3, pad=1)\n  relu\n}"]
    blocks += [f"block A{n} {{\n  A{n - 1}\n  A{n - 1}\n}}" for n in range(1, 25)]
    spec = tmp_path / "x.arch"
    spec.write_text("\n".join([*blocks, "network X {\n  input x: [8, 32, 32]\n  A24\n}"]))
    found = json.loads(cli("report", "flops", spec, "--on", "h200", "--format", "json").out)["roofline"]
    conv, relu = found["layers"]
    assert (conv["repeat"], relu["repeat"]) == (2**24, 2**24)
    assert found["seconds"] == pytest.approx(2**24 * (conv["seconds"] + relu["seconds"]))
    assert "100.0%" in cli("report", "flops", spec, "--on", "h200").out
    deeper = cli("report", "flops", spec, "--on", "h200", "--depth", "3")
    assert deeper.code != 0 and "open fewer levels" in deeper.err
    step = cli("report", "flops", spec, "--on", "h200", "--train")
    assert step.code != 0 and "at most 100_000 are listed" in step.err


def test_frozen_layers_by_hand() -> None:
    """Of a frozen convolution there is nothing in backward, nor of the `relu` behind it. What a linear layer reads is kept for
    its weights alone, so of a frozen one only weights and gradients are moved."""
    network = sample()

    def phases(settings: TrainingSettings) -> list[tuple[str, str, int]]:
        bounds = Facts(network, 3).roofline("cpu", settings=settings).bounds
        return [(b.phase, b.layer.path, b.bytes // 4) for b in bounds if b.phase != "forward"]

    assert phases(TrainingSettings("adam", freeze=("0",))) == [
        ("backward", "4", 3 * (10 + 10 + 10)),
        ("backward", "3", 3 * (10 + 512) + 5130),
        ("optimizer", "3", 7 * 5130),
    ]
    assert phases(TrainingSettings("adam", freeze=("3",))) == [
        ("backward", "4", 3 * (10 + 10 + 10)),
        ("backward", "3", 3 * (10 + 512) + 5120),
        ("backward", "1", 3 * (512 + 512 + 512)),
        ("backward", "0", 3 * (512 + 256) + 288),
        ("optimizer", "0", 7 * 288),
    ]


def test_what_is_checkpointed_runs_again() -> None:
    """A block of two convolutions: of the second one only what it keeps comes to be, the map that it reads."""
    inner, (x,) = block("two", TensorType((4, 8, 8)))
    two = end(inner, inner.chain(x, op("conv", 8, 1), op("sigmoid"), op("conv", 8, 1)))
    body, (x,) = network("Net", TensorType((4, 8, 8)))
    net = finish(body, body.one(two, x, label="two"))
    bounds = Facts(net).roofline("cpu", settings=TrainingSettings(checkpoint=("two",))).bounds
    forward, again = ([b for b in bounds if b.phase == phase] for phase in ("forward", "again"))
    assert again == [bound._replace(phase="again") for bound in forward[:2]]


SEVERAL = """network X {
  input x: [3, 8, 8]
  conv(4, 3x3, pad=1) -> relu
  training { head: { flatten -> aux: linear(10) }; output aux }
  output maps = flatten -> h2: linear(7)
  flatten -> fc: linear(10)
  output scores
}
"""


@pytest.mark.parametrize("options", [(), ("--full",), ("--depth", "0")])
def test_rows_of_a_step_with_parts_for_training_add_up(cli: Cli, tmp_path: Path, options: tuple[str, ...]) -> None:
    """Of three passes: those of the trunk (3x3 of 3 to 4 channels on 8x8), of the heads, and back to the loss of `maps`."""
    spec = tmp_path / "x.arch"
    spec.write_text(SEVERAL)
    asked = ("report", "flops", str(spec), "--on", "h200", "--train", "--accumulate", "3", *options)
    printed = list(csv.DictReader(io.StringIO(cli(*asked, "--format", "csv").out.split("\n\n")[-1])))
    rows = [(row["layer"], int(row["flops"] or 0), float(row["share"] or 0)) for row in printed]
    conv, h2, fc = 4 * 27 * 64, 256 * 7, 256 * 10
    forward, backward = conv + h2 + 2 * fc, conv + 2 * h2
    assert sum(flops for _, flops, _ in rows) == 2 * 3 * (forward + backward)
    assert sum(share for *_, share in rows) == pytest.approx(1)
    assert sum(flops for path, flops, _ in rows if path.startswith("head")) == 2 * 3 * fc
    text = cli(*asked).out
    assert f"with the loss of maps alone: forward {forward:_}, backward {backward:_}" in text
    assert f"a step of 3 passes {3 * (forward + backward):_} MACs" in text
    assert "a training step of 3 passes" in text


def test_turns_that_are_frozen_have_rows_of_their_own(cli: Cli, tmp_path: Path) -> None:
    """Of twenty turns one is frozen: what backward saves is that turn's gradient of weights."""
    spec = tmp_path / "x.arch"
    spec.write_text("network X {\n  input x: [8, 6, 6]\n  repeat 20 { conv(8, 3x3, pad=1); relu }\n}\n")
    asked = ("report", "flops", spec, "--on", "h200", "--train", "--format", "json")
    whole, frozen = (json.loads(cli(*asked, *more).out)["roofline"]["layers"] for more in ((), ("--freeze", "8")))
    saved, left = (sum(one["flops"] * (one["repeat"] or 1) for one in layers) for layers in (whole, frozen))
    assert saved - left == 2 * 8 * 8 * 9 * 36
    assert "100.0%" in cli(*asked[:-2], "--freeze", "8").out


def test_the_time_of_all_layers_is_added_up_once_for_all_rows(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once a row, the report of so many layers would take the square of their number."""
    added: list[RooflineFacts] = []

    def seconds(facts: RooflineFacts) -> float:
        added.append(facts)
        return 1.0

    monkeypatch.setattr(RooflineFacts, "seconds", property(seconds))
    assert "classifier" in cli("report", "flops", "vgg16", "--on", "cpu", "--train").out
    assert len(added) == 1


def test_turns_that_settings_tell_apart_are_bounded_alike_in_python(cli: Cli, tmp_path: Path) -> None:
    """By hand: 2 * 64 * 64 operations a layer forwards, as many for the gradients of its weights, and of its input; the first
    has no gradient of its input, and the sixth none of its weights."""
    (tmp_path / "a.arch").write_text("network N { input x: [64]; repeat 300 { linear(64) -> relu }; output y }")
    net, settings = load(tmp_path / "a.arch"), {"freeze": ["10"]}
    found = json.loads(net.report("flops", on="h200", training=settings, format="json"))
    products = [r["flops"] for r in found["roofline"]["layers"] if r["flops"] % 8192 == 0 and r["flops"]]
    assert sum(products) == 8192 * (300 + 299 + 299)
    assert {r["path"] for r in found["roofline"]["layers"]} <= {r["path"] for r in found["layers"]}
    shown = cli("report", "flops", f"{tmp_path}/a.arch", "--on", "h200", "--train", "--freeze", "10").out
    assert net.report("flops", on="h200", training=settings) == shown
