"""The parts of `make gpu-check` that need no GPU."""

from __future__ import annotations

import torch

from archdsl.analyses import Facts
from archdsl.analyses.memory import Taken, TrainingSettings, cuda
from tests.bench.gpu_check import SETTINGS, Line, page, run, summary
from tests.support.networks import published, resnet


def line(measured: Taken | None = None) -> Line:
    net, settings = published("vgg11"), SETTINGS[0]
    predicted = cuda(net, Facts(net, 8).training(settings))
    return Line("vgg:VGG11", 8, settings, predicted, measured or predicted.native)


def test_steps_run_as_on_a_gpu() -> None:
    for settings in SETTINGS:
        run(resnet(1, 8), 2, settings, torch.device("cpu"), steps=1)


def test_a_measurement_over_the_band_is_counted() -> None:
    right = line()
    over = line(right.predicted.native._replace(reserved=2 * right.predicted.reserved.most))
    assert (right.is_under, over.is_under, over.is_inside) == (False, True, False)
    said = "\n".join(summary([right, over]))
    assert "reserved more than the band allows: 1 of 2" in said
    assert "requested: median 0.00% off" in said


def test_the_page_has_a_row_for_each_step() -> None:
    text = page([line(), line()], "a device")
    assert text.count("| vgg:VGG11 | 8 | float32 | sgd |") == 2
    assert "on a device" in text


def test_bands_hold_what_is_inside_them() -> None:
    """With Adam, in bfloat16 autocast and with everything checkpointed."""
    net = published("resnet18")
    for settings in (
        TrainingSettings("adam"),
        TrainingSettings(precision="bf16-mixed"),
        TrainingSettings(checkpointed=("layer*.*",)),
    ):
        facts = Facts(net, 8).training(settings)
        found = cuda(net, facts)
        assert found.native.requested <= found.expandable.allocated <= found.native.allocated
        assert found.allocated.least < found.allocated.most <= found.reserved.most
        assert (
            abs(found.native.requested - facts.peak) <= 4 * 62 + 9 * 5056
        )  # counters and random states stay on the CPU
