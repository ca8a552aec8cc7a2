"""Code of networks with open sizes: at every size it does what the code of the network built at that size does."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import archdsl
from archdsl.backends.pytorch import emit
from tests.support.cli import Cli

torch.set_num_threads(1)

ROOT = Path(__file__).parents[2]
PADS = ("[[0, 1], [0, 1]]", "[[1, 0], [1, 0]]", "[[0, 1], [1, 1]]", "[1, 0]", "same")
SIZES = ((7, 9), (8, 8), (9, 12), (10, 13), (33, 32))
WINDOWS = [
    f"{layer}({maps}{k}x{k}, {stride}, pad={pad}{more})"
    for (layer, maps, more), k, stride, pad in product(
        (
            ("conv", "4, ", ""),
            ("depthwise", "", ""),
            ("maxpool", "", ""),
            ("avgpool", "", ""),
            ("avgpool", "", ", count_pad=false"),
        ),
        (2, 3, 4),
        (1, 2, 3),
        PADS,
    )
]


def at_each_size(layers: str, shape: str, sizes: tuple[tuple[int, ...], ...], *, is_tokens: bool = False) -> nn.Module:
    """Asserts it, and gives the module for all sizes."""
    text = f"network Net {{\n  input x: {shape}\n{layers}\n}}\n"
    names = [name for name in "HWT" if name in shape]
    module = archdsl.loads(text).to_torch("cpu").eval()
    for size in sizes:
        at: dict[str, Any] = dict(zip(names, size, strict=True))
        built = archdsl.loads(text, **at)
        other = built.to_torch("cpu").eval()
        other.load_state_dict(module.state_dict())
        given = (2, *built.graph.input_types[0].shape)
        x = torch.randint(10, given) if is_tokens else torch.randn(given)
        torch.testing.assert_close(module(x), other(x), msg=partial("{} at {}: {}".format, layers, size))
    return module


@pytest.mark.parametrize("layer", WINDOWS)
def test_windows_are_padded_as_the_size_asks(layer: str) -> None:
    try:
        archdsl.loads(f"network Net {{ input x: [4, H, W]\n{layer}\n}}")
    except archdsl.SpecError:  # more padding than half a pool's window
        assert "pool" in layer
        return
    module = at_each_size(layer, "[4, H, W]", SIZES)
    assert "alone" not in (type(module).__doc__ or "")


POSITIONS = """where T <= 16
embedding(10, 4)
add { | identity | p: parameter([16, 4], std=0.02) -> slice(0, T) }"""
ROWS = "reshape([4, H * W]) -> permute([1, 0]) -> linear(4) -> permute([1, 0]) -> reshape([4, H, W])"
MAPS = "conv(4, 3x3, 2, pad=same) -> bn -> maxpool(3x3, 2, pad=same) -> avgpool(2x2, 2, pad=same)"
CASES = [
    (POSITIONS, "int64 [T]", ((1,), (8,), (16,))),
    ("slice(0, -1)\nslice(2)\nlinear(3)", "[T, 4]", ((4,), (9,))),
    ("where T % 2 == 0\nslice(0, T // 2) -> linear(3)", "[T, 4]", ((2,), (8,))),
    ("where T % 2 == 0\nfirst: { slice(T // 2) -> linear(3) } -> relu", "[T, 4]", ((2,), (8,))),
    ("conv(4, 3x3) as a\nupsample(2) -> crop(like=a) -> conv(2, 1x1)", "[4, H, W]", SIZES),
    ("maxpool(2) -> upsample(2) as a\nx -> conv(4, 1x1) -> crop(like=a)", "[4, H, W]", SIZES),
    (ROWS, "[4, H, W]", ((3, 5), (8, 8))),
    (MAPS, "[4, H, W]", SIZES),
]


@pytest.mark.parametrize(("layers", "shape", "sizes"), CASES)
def test_formulas_of_sizes_stay(layers: str, shape: str, sizes: tuple[tuple[int, ...], ...]) -> None:
    module = at_each_size(layers, shape, sizes, is_tokens=shape.startswith("int"))
    assert "alone" not in (type(module).__doc__ or "")


def test_a_formula_stands_where_no_number_says_it(tmp_path: Path) -> None:
    """The crops of U-Net count from the end at all of its sizes."""
    net = archdsl.load("unet:UNet")
    assert net.to_source() == emit(net.graph)
    file = tmp_path / "net.py"
    for layers in ("slice(T // 2)", "slice(0, T // 2)", "slice(1, T // 2 + 1)", "slice(1, T // 2)"):
        file.write_text(
            archdsl.loads(f"network Net {{\ninput x: [T, 4]\nwhere T > 4\n{layers} -> linear(3)\n}}").to_source()
        )
        for check in (["check"], ["format", "--check"]):
            done = subprocess.run(
                [sys.executable, "-m", "ruff", *check, file], cwd=ROOT, capture_output=True, text=True
            )
            assert done.returncode == 0, done.stdout + file.read_text()


@pytest.mark.parametrize("options", [{"inference": True}, {"checkpoint": ["a"]}], ids=str)
def test_code_of_other_kinds_holds_for_all_sizes_too(options: dict[str, Any]) -> None:
    text = (
        "network Net { input x: [3, H, W]; a: { conv(4, 2x2, 2, pad=same) -> bn -> relu }; conv(2, 3x3, 2, pad=same) }"
    )
    module = archdsl.loads(text).to_torch("cpu", **options).eval()
    for height, width in SIZES:
        assert module(torch.rand(1, 3, height, width)).shape[2:] == (-(-height // 4), -(-width // 4))


ONE_SIZE = """network Net {
  input x: [3, H, W]
  conv(4, 3x3) -> flatten -> linear(2)
}
"""


def test_what_is_right_for_one_size_alone_says_so(cli: Cli, tmp_path: Path) -> None:
    """The weights of a linear layer on a whole map are as many as its size asks."""
    Path(tmp_path, "net.arch").write_text(ONE_SIZE)
    done = cli("compile", str(tmp_path / "net.arch"), "-o", str(tmp_path / "net.py"))
    assert ", for H = 224, W = 224 alone" in done.out
    assert '    """For H = 224, W = 224 alone."""\n' in Path(tmp_path, "net.py").read_text()
    assert "alone" not in cli("compile", str(tmp_path / "net.arch"), "--set", "H=224", "--set", "W=224").out


def test_padding_of_a_known_size_is_not_worked_out_anew() -> None:
    source = archdsl.loads("network Net { input x: [3, 32, 32]; conv(4, 3x3, 2, pad=[[0, 1], [0, 1]]) }").to_source()
    assert "PaddedConv2d(3, 4, 3, stride=2, pads=(0, 1, 0, 1))" in source and "Same" not in source
