"""How fast compiled networks run beside ones written by hand with the same weights, and folded beside eager ones.

`make bench` runs it; `python tests/bench/generated.py --device cuda` on a GPU. Runs of both sides take turns, and the
median of the pairs' ratios is held against a bar, so that a slow or busy machine slows both. On the CPU the time is that of
the process, of all threads together, which a machine shared with others disturbs least. Exits with 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import torch
from torch import nn

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import archdsl  # noqa: E402
from tests.bench.handwritten import NETWORKS, with_weights_of  # noqa: E402

SLOWER = 1.02
"""A compiled network may take so much of the time of the other one."""

FOLDED = 1 / 1.15
"""The network for inference may take so much of the time of the eager one."""


class Setting(NamedTuple):
    device: str
    batch: int
    pairs: int
    dtype: torch.dtype
    memory_format: torch.memory_format


def main() -> int:
    setting = _setting()
    print(f"{torch.__version__}, {_device(setting)}, batch {setting.batch}, {setting.dtype}, {setting.pairs} pairs")
    print(f"{'':<34}{'compiled':>12}{'beside':>12}{'ratio':>8}{'bar':>8}")
    held = [_by_hand(spec, setting) for spec in NETWORKS]
    held.append(_folded("specs/resnet.arch:ResNet50", setting))
    return 0 if all(held) else 1


def _setting() -> Setting:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--channels-last", action="store_true")
    given = parser.parse_args()
    layout = torch.channels_last if given.channels_last else torch.contiguous_format
    return Setting(given.device, given.batch, given.pairs, getattr(torch, given.dtype), layout)


def _device(setting: Setting) -> str:
    if setting.device == "cpu":
        return f"CPU, {torch.get_num_threads()} threads"
    return torch.cuda.get_device_name(torch.device(setting.device))


def _by_hand(spec: str, setting: Setting) -> bool:
    """Forward in evaluation mode and a step of training, compiled and by hand."""
    compiled = archdsl.load(ROOT / spec if ":" not in spec else f"{ROOT}/{spec}").to_torch(setting.device)
    other = with_weights_of(NETWORKS[spec]().to(setting.device), compiled)
    both: tuple[Any, Any] = (compiled, other)  # PyTorch's types leave `memory_format` out
    compiled, other = (m.to(setting.dtype, memory_format=setting.memory_format) for m in both)
    name = spec.rpartition(":")[2].removeprefix("specs/")
    forward = _race(f"{name}, forward", _forward(compiled, setting), _forward(other, setting), SLOWER, setting)
    step = _race(f"{name}, training step", _step(compiled, setting), _step(other, setting), SLOWER, setting)
    return forward and step


def _folded(spec: str, setting: Setting) -> bool:
    """The eager network beside the one for inference, whose maps lie with the channels last, as kernels of a CPU like them."""
    net = archdsl.load(f"{ROOT}/{spec}")
    last = setting._replace(memory_format=torch.channels_last)
    eager, folded = (net.to_torch(s.device, s.dtype, s.memory_format, inference=s is last) for s in (setting, last))
    name = f"{net.name}, folded, channels last"
    return _race(name, _forward(folded, last), _forward(eager, setting), FOLDED, setting)


def _forward(module: nn.Module, setting: Setting) -> Callable[[], None]:
    data = torch.randn(setting.batch, 3, 224, 224, device=setting.device, dtype=setting.dtype)
    data = data.to(memory_format=setting.memory_format)

    def run() -> None:
        module.eval()
        with torch.inference_mode():
            module(data)

    return run


def _step(module: nn.Module, setting: Setting) -> Callable[[], None]:
    data = torch.randn(setting.batch, 3, 224, 224, device=setting.device, dtype=setting.dtype)
    data = data.to(memory_format=setting.memory_format)
    target = torch.randint(1000, (setting.batch,), device=setting.device)
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-4)

    def run() -> None:
        module.train()
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(data), target).backward()
        optimizer.step()

    return run


def _race(name: str, ours: Callable[[], None], theirs: Callable[[], None], bar: float, setting: Setting) -> bool:
    """Runs the pairs, each side first in turn, prints a row, and says whether the bar holds."""
    for run in (ours, theirs, ours, theirs):
        _seconds(run, setting)
    pairs = []
    for index in range(setting.pairs):
        first, second = (ours, theirs) if index % 2 == 0 else (theirs, ours)
        a, b = _seconds(first, setting), _seconds(second, setting)
        pairs.append((a, b) if index % 2 == 0 else (b, a))
    ratio = median(a / b for a, b in pairs)
    times = "".join(f"{median(column) * 1000:>9.1f} ms" for column in zip(*pairs, strict=True))
    print(f"{name:<34}{times}{ratio:>8.3f}{bar:>8.3f}  {'ok' if ratio <= bar else 'MISSED'}", flush=True)
    return ratio <= bar


def _seconds(run: Callable[[], None], setting: Setting) -> float:
    """The time of one run: of the process, or by the clock of the GPU."""
    if setting.device == "cpu":
        start = time.process_time()
        run()
        return time.process_time() - start
    start_event, end_event = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start_event.record()
    run()
    end_event.record()
    torch.cuda.synchronize()
    return start_event.elapsed_time(end_event) / 1000


if __name__ == "__main__":
    sys.exit(main())
