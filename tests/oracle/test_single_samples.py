"""Batches of one sample that PyTorch does not train: `ValueError: Expected more than 1 value per channel when training`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from archdsl.analyses import Facts
from archdsl.backends.pytorch import build
from archdsl.pipeline import open_spec
from tests.oracle.test_training_memory import written
from tests.support.cli import Cli

ROOT = Path(__file__).parents[2]
OUTSIDE = ROOT / "tests" / "data" / "outside"
NETWORKS = {
    "a vector": ("input x: [6]\nlinear(4) -> bn as z", ("1",)),
    "a map": ("input x: [3, 4, 4]\nconv(4, 3x3) -> bn", ()),
    "a row": ("input x: [3, 4]\nconv(4, 4) -> bn", ("1",)),
    "a map of one place in a block": (
        "input x: [3, 4, 4]\nconv(4, 1) as z\ncontext: { avgpool(global) -> conv(4, 1) -> bn }\n"
        "concat { | upsample(like=z) | z }",
        ("context.2",),
    ),
    "a volume": ("input x: [3, 1, 1, 2]\nbn", ()),
    "two of them": ("input x: [6]\nbn -> linear(4) -> relu -> bn", ("0", "3")),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_pytorch_refuses_a_single_sample_where_it_is_said(name: str) -> None:
    body, refused = NETWORKS[name]
    net = written(body)
    module = build(net).train()
    assert Facts(net).refused_alone == refused
    if refused:
        with pytest.raises(ValueError, match="more than 1 value per channel"):
            module(torch.randn(1, *net.input_types[0].shape))
    module(torch.randn(2 if refused else 1, *net.input_types[0].shape))


@pytest.mark.parametrize(
    "spec, name",
    [
        ("specs/deconvnet", "DeconvNet"),
        ("specs/inception_v3", "InceptionV3"),
        ("tests/data/outside/bisenet", "BiSeNet"),
        ("tests/data/outside/deeplabv3", "DeepLabV3"),
        ("tests/data/outside/pointnet", "PointNet"),
        ("tests/data/outside/sknet", "SKNet50"),
    ],
)
def test_pytorch_refuses_a_single_sample_of_known_networks(spec: str, name: str) -> None:
    net = open_spec(ROOT / f"{spec}.arch").check(name).network
    assert net is not None and Facts(net).refused_alone
    with torch.device("meta"), pytest.raises(ValueError, match="more than 1 value per channel"):
        build(net).train()(*(torch.zeros(1, *type.shape) for type in net.input_types))


def test_reports_say_so_of_a_batch_of_one_alone(cli: Cli) -> None:
    spec = str(OUTSIDE / "dgcnn.arch")
    words = "PyTorch trains no batch of 1 here: bn6 and 1 more normalize over one value for each channel"
    assert words in cli("report", "memory", spec, "--train").out
    assert "trains no batch" not in cli("report", "memory", spec, "--train", "--batch", "2").out
    assert "trains no batch" not in cli("report", "memory", spec).out
    data = json.loads(cli("report", "memory", spec, "--train", "--format", "json").out)
    assert data["memory"]["training"]["refused"] == ["bn6", "bn7"]


def test_fit_says_so_where_one_sample_is_all_that_fits(cli: Cli) -> None:
    spec = str(OUTSIDE / "dgcnn.arch")
    words = "PyTorch trains no batch of 1 here: bn6 and 1 more normalize over one value for each channel"
    assert words in cli("fit", spec, "--memory", "470MiB").out
    assert "trains no batch" not in cli("fit", spec, "--memory", "24GiB").out
    assert json.loads(cli("fit", spec, "--memory", "24GiB", "--format", "json").out)["refused_alone"] == ["bn6", "bn7"]


def test_fit_says_so_where_one_sample_is_all_that_tensors_leave_room_for(cli: Cli, tmp_path: Path) -> None:
    spec = tmp_path / "net.arch"
    spec.write_text(
        "network A {\n  input x: [4, 8, 8]\n  avgpool(global) -> conv(8, 1x1, bias=false) -> bn -> relu\n  output y\n}\n"
    )
    assert "PyTorch trains no batch of 1 here: 2 normalizes" in cli("fit", str(spec), "--memory", "2KiB").out
    assert "trains no batch" not in cli("fit", str(spec), "--memory", "600MiB").out
