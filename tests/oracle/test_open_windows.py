"""Windows on a size that is left open: for every value the formulas are what PyTorch makes of it, and none is left out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional

from archdsl.cli import main
from archdsl.ir import Domain, Op, Size, TensorType
from archdsl.ops.families.windows import same_padding
from tests.support.build import op

SIZES = range(1, 40)


def at(size: int, value: int) -> int:
    return size.at({"L": value}) if isinstance(size, Size) else size


def told(operator: Op) -> tuple[Domain, int]:
    """What is said of its rows for all sizes of its input."""
    domain = Domain({"L": 30})
    (y,) = operator.infer(TensorType((1, domain.size("L"))))
    return domain, y.shape[1]


@pytest.mark.parametrize("round", ["floor", "ceil"])
@pytest.mark.parametrize("stride", range(1, 7))
@pytest.mark.parametrize("window", range(1, 6))
def test_a_pool(window: int, stride: int, round: str) -> None:
    for pad in range(window // 2 + 1):
        domain, rows = told(op("maxpool", window=window, stride=stride, pad=pad, round=round))
        for value in SIZES:
            fits = all(c.at({"L": value}) for c in domain.conditions)
            try:
                y = functional.max_pool1d(torch.zeros(1, 1, value), window, stride, pad, ceil_mode=round == "ceil")
            except RuntimeError:
                assert not fits
                continue
            assert fits and at(rows, value) == y.shape[2], (pad, value)


@pytest.mark.parametrize("stride", range(1, 7))
@pytest.mark.parametrize("window", range(1, 6))
def test_as_many_rows_as_same_padding_has(window: int, stride: int) -> None:
    """ceil(L / s) windows, with the fewest rows that they need, as TensorFlow defines `SAME`."""
    domain, rows = told(op("conv", channels=1, window=window, stride=stride, pad="same"))
    ((before, after),) = same_padding((domain.size("L"),), (stride,), (window,))
    assert not domain.conditions
    for value in SIZES:
        windows = -(-value // stride)
        padding = max((windows - 1) * stride + window - value, 0)
        y = functional.conv1d(torch.zeros(1, 1, value + padding), torch.zeros(1, 1, window), stride=stride)
        assert at(rows, value) == windows == y.shape[2], value
        assert (at(before, value), at(after, value)) == (padding // 2, padding - padding // 2), value


@pytest.mark.parametrize(
    ("shape", "layer", "at_example"),
    [
        ("[3, H, H]", "conv(4, 3x3, stride=2, pad=same)", True),
        ("[3, H, H]", "where H % 2 == 1\nconv(4, 3x3, stride=2, pad=same)", False),
        ("[3, H]", "avgpool(3, 3, pad=same)", True),
        ("[3, H, H, H]", "avgpool(3x3x3, 2, pad=1)", True),
    ],
)
def test_bytes_are_told_for_no_size_at_which_they_differ(
    shape: str, layer: str, at_example: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A padded copy is made at some sizes alone: where the rows before and after differ, or a window is the larger."""
    spec = tmp_path / "a.arch"
    spec.write_text(f"network A {{\n input x: {shape}\n {layer}\n output y\n}}\n")
    assert main(["check", str(spec)]) == 0 and "fits" not in capsys.readouterr().out.replace("fits  H % 2 == 1", "")
    assert main(["report", "formulas", str(spec)]) == 0
    (peak,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("inference peak"))
    assert ("at H = " in peak) == at_example
