"""What a named GPU takes beside tensors, by PyTorch's sources, and what that makes of bands and batches."""

import json

import pytest

from archdsl.analyses.memory import ANY, profile_of
from archdsl.analyses.roofline import DEVICES
from tests.support.cli import Cli


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


@pytest.mark.parametrize(
    ("capability", "size"), [(7, 8_519_680), (8, 8_519_680), (9, 33_554_432), (10, 33_554_432), (12, 33_554_432)]
)
def test_workspaces_of_two_threads(capability: int, size: int) -> None:
    """`:4096:2:16:8` in KiB, and 32 MiB for Hopper and Blackwell (`CublasHandlePool.cpp`); 1,024 KiB of cuBLASLt besides."""
    found = profile_of(capability).cublas
    assert found.least == 2 * size and found.most == 2 * (size + 1024 * 1024)
    assert ANY.cublas.least <= found.least and found.most <= ANY.cublas.most


@pytest.mark.parametrize("device", ["h200", "a100"])
def test_a_named_device_has_a_narrower_band(cli: Cli, device: str) -> None:
    def bands(*options: str) -> dict[str, list[int]]:
        printed = cli("report", "memory", "vgg16", "--batch", "8", "--train", "--format", "json", *options).out
        cuda = json.loads(printed)["memory"]["training"]["cuda"]
        return {name: cuda[name] for name in ("allocated", "reserved", "cublas", "context")}

    named, unnamed = bands("--on", device), bands()
    for band in ("allocated", "cublas"):
        assert unnamed[band][0] <= named[band][0] < named[band][1] <= unnamed[band][1]
    assert named["cublas"][1] - named["cublas"][0] == 2 * 1024 * 1024
    saved = unnamed["cublas"][1] - named["cublas"][1]
    assert unnamed["reserved"][1] - named["reserved"][1] == saved
    assert (saved > 0) == (device == "a100")  # the most of any GPU is Hopper's


@pytest.mark.parametrize("device", ["h200", "a100"])
def test_batches_of_a_named_device_lie_within_those_of_any(cli: Cli, device: str) -> None:
    def batches(*options: str) -> tuple[int, int]:
        found = json.loads(cli("fit", "AlexNet", "--optimizer", "adamw", "--format", "json", *options).out)
        certain, likely = found["certain"], found["likely"]
        assert likely["needs"][0] == likely["reserved"] + sum(
            likely["profile"][name][0] for name in ("cublas", "context")
        )
        return certain["batch"], likely["batch"]

    named, unnamed = batches("--on", device), batches("--memory", str(DEVICES[device].memory))
    assert unnamed[0] <= named[0] <= named[1] <= unnamed[1]


def test_not_one_sample_fits(cli: Cli) -> None:
    assert cli("fit", "vgg16", "--memory", "1GiB").code == 1
    assert cli("fit", "vgg16", "--memory", "1GiB", "--format", "json").code == 1
    assert cli("fit", "vgg16", "--memory", "4GiB").code == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("memory", "vgg16", "--train", "--on", "cpu"), "`--on` is a GPU for the report `memory`: h200, a100"),
        (("memory", "vgg16", "--on", "h200"), "is about a training step for the report `memory`: add `--train`"),
        (("summary", "vgg16", "--on", "h200"), "`--on` is for the reports `flops` and, of a training step, `memory`"),
    ],
)
def test_memory_on_what_is_no_gpu_is_refused(cli: Cli, options: tuple[str, ...], words: str) -> None:
    found = cli("report", *options)
    assert found.code == 2 and words in found.err
