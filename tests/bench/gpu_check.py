"""Predicted CUDA memory beside what a real GPU takes: `make gpu-check`, on any machine with CUDA.

Without `make`: `python3 -m tests.bench.gpu_check`, in any Python from 3.11 on that has PyTorch; nothing else is needed.

Every network of `specs/` that fits, at batch 32, 8 and 1, in float32 and with bfloat16 autocast, with SGD, momentum and Adam
as PyTorch runs them on a GPU (`foreach`): two steps each. One network of each spec comes first, then another of each, so that
a run that `--minutes` ends has seen all kinds. Each measurement is added to `--results` at once, and is not made again by the
next run. Then docs/reference/gpu-check.md is written of all of them: what was measured, how far the predictions are off, how
many measurements lie over the band, and which bars are met. Arguments name spec files.

The kind of allocator is decided when a process starts, so there is one process for native segments and one for expandable
ones, each with half of the minutes; `--segments` chooses one of them.
"""

from __future__ import annotations

import argparse
import copy
import gc
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from itertools import zip_longest
from pathlib import Path
from time import monotonic
from typing import Protocol

import torch
from torch import Tensor, nn

from archdsl.analyses import Facts
from archdsl.analyses.memory import CudaFacts, Taken, TrainingSettings
from archdsl.backends.pytorch import build
from archdsl.ir import Network, modules, unfold
from archdsl.pipeline import open_spec
from tests.bench import gpu_settle
from tests.bench.gpu_page import Case, Line, page_of, summary
from tests.support.steps import inputs, loss_of, optimizer_of, target_of

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "gpu-check.md"
RESULTS = ROOT / "gpu-check.jsonl"
BATCHES = (32, 8, 1)
SETTINGS = tuple(
    TrainingSettings(optimizer, precision=precision, implementation="foreach")
    for precision in ("float32", "bf16-mixed")
    for optimizer in ("sgd", "momentum", "adam")
)
SHARE = 0.8
"""Of the device's memory: steps that may need more are left out."""
PRODUCTS = {"attention", "einsum", "gru", "linear", "locally_connected", "lstm", "matmul", "rnn", "sdpa"}
"""Operators that call cuBLAS."""
SEGMENT = 2 * 2**20
ALLOCATOR = ("PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF")
"""The variable that says what allocator to use, and its name from 2.9 on."""


class Device(Protocol):
    """Where steps run, and what tells how much memory they took."""

    device: torch.device
    name: str
    versions: str
    memory: int
    """Bytes that steps may take."""
    expandable: bool
    """Whether the allocator has segments that grow."""
    cublas: tuple[int, ...]
    """Bytes that cuBLAS keeps, of each thread."""

    def start(self) -> None:
        """Nothing is held, and what is taken from now on counts."""

    def taken(self) -> Taken:
        """The most since then."""


class Gpu:
    """The first device of CUDA."""

    def __init__(self) -> None:
        self.device = torch.device("cuda")
        self.name = torch.cuda.get_device_name(self.device)
        self.versions = gpu_settle.versions()
        self.memory = int(SHARE * torch.cuda.get_device_properties(self.device).total_memory)
        self.expandable = any("expandable_segments:True" in os.environ.get(name, "") for name in ALLOCATOR)
        self.cublas: tuple[int, ...] = gpu_settle.cublas()

    def start(self) -> None:
        gpu_settle.fresh()

    def taken(self) -> Taken:
        torch.cuda.synchronize(self.device)
        stats = torch.cuda.memory_stats(self.device)
        return Taken(*(stats[f"{what}_bytes.all.peak"] for what in Taken._fields))


def networks(files: Sequence[str]) -> Iterator[tuple[str, Network]]:
    """The first network of each spec, then the second of each, and so on."""
    paths = [ROOT / "specs" / f"{name}.arch" for name in files] or sorted((ROOT / "specs").glob("*.arch"))
    specs = [(path.stem, open_spec(path)) for path in paths]
    for turn in zip_longest(*([(stem, spec, name) for name in spec.networks] for stem, spec in specs)):
        for stem, spec, name in filter(None, turn):
            network = spec.check(name).network
            if network is not None:
                yield f"{stem}:{name}", unfold(network)


def lines(files: Sequence[str], device: Device, known: set[Case], end: float = float("inf")) -> Iterator[Line]:
    """Measures all that fits and is not known, one after the other, until the clock is at `end`."""
    for name, network in networks(files):
        facts, module = Facts(network), None
        for batch in BATCHES:
            for settings in SETTINGS:
                case = Case(name, batch, settings.precision, settings.optimizer, device.expandable)
                if monotonic() > end:
                    return
                if case in known:
                    continue
                module = module or build(network, "cpu").train()
                if (line := compared(case, facts, module, settings, device)) is not None:
                    yield line


def compared(case: Case, facts: Facts, module: nn.Module, settings: TrainingSettings, device: Device) -> Line | None:
    """One measurement; None where a step may not fit, or cannot be: no parameters, a batch norm of a single value.

    Raises:
        RuntimeError: CUDA failed, after which nothing more can be measured in this process.
    """
    found = facts.on_cuda(settings, case.batch)
    if found is None or found.reserved.most > device.memory:
        return None
    try:
        measured = taken(facts.network, module, case.batch, settings, device)
    except torch.OutOfMemoryError:
        measured = None
    except (RuntimeError, ValueError) as error:
        if "CUDA error" in str(error):
            raise
        print(f"{case.name}, N = {case.batch}: {str(error).partition(chr(10))[0]}", file=sys.stderr)
        return None
    return Line(case, model(found, facts.network, device), found.allocated, found.reserved, measured)


def model(found: CudaFacts, network: Network, device: Device) -> Taken:
    """Of the allocator as it was run, with what cuBLAS keeps on this device where it is called."""
    tensors = found.expandable if device.expandable else found.native
    names = {node.operator.name for module in modules(network) for node in module.nodes}
    if names.isdisjoint(PRODUCTS):
        return tensors
    kept = sum(device.cublas)
    segments = sum(-(-bytes // SEGMENT) * SEGMENT for bytes in device.cublas)
    return Taken(tensors.requested + kept, tensors.allocated + kept, tensors.reserved + segments)


def taken(network: Network, module: nn.Module, batch: int, settings: TrainingSettings, device: Device) -> Taken:
    """What the device says after two steps from nothing."""
    gc.collect()
    device.start()
    run(network, module, batch, settings, device.device)
    return device.taken()


def run(
    network: Network, module: nn.Module, batch: int, settings: TrainingSettings, device: torch.device, steps: int = 2
) -> None:
    """Real steps on a device, of a copy of a module that is on the CPU."""
    module = copy.deepcopy(module).to(device)
    data = [tensor.to(device) for tensor in inputs(network, batch)]
    target = target_of(network, batch, settings)
    target = None if target is None else target.to(device)
    optimizer = optimizer_of(settings, [*module.parameters()])

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast(device.type, torch.bfloat16) if settings.is_mixed else nullcontext():
            output = module(*data)
            loss = loss_of(settings, output if isinstance(output, Tensor) else output[0], target)
        loss.backward()
        optimizer.step()

    for _ in range(steps):
        step()


def read(results: Path) -> list[Line]:
    """What runs before have measured. A last line that was cut off when a run was ended is left out."""
    texts = results.read_text("utf-8").split("\n")[:-1] if results.exists() else []
    return [*map(Line.read, texts)]


def check(files: Sequence[str], device: Device, results: Path, page: Path, minutes: float = float("inf")) -> list[Line]:
    """Measures what is not known yet, and writes the page of all that is; all lines."""
    found = read(results)
    results.write_text("".join(f"{line.text()}\n" for line in found), "utf-8")
    try:
        with results.open("a", encoding="utf-8") as file:
            for line in lines(files, device, {line.case for line in found}, monotonic() + 60 * minutes):
                file.write(f"{line.text()}\n")
                file.flush()
                found.append(line)
    finally:
        if found:
            page.write_text(page_of(found, f"{device.versions}, on {device.name}", device.cublas), "utf-8")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="after these nothing more is begun")
    parser.add_argument("--segments", choices=("native", "expandable", "both"), default="both")
    parser.add_argument("--results", type=Path, default=RESULTS, help="what was measured so far, a line each")
    parser.add_argument("--page", type=Path, default=PAGE)
    given = parser.parse_args()
    gpu_settle.need_gpu()
    if given.segments == "both":
        sys.exit(max([*map(_run_alone, ("native", "expandable"), (given.minutes / 2,) * 2)]))
    wanted = "True" if given.segments == "expandable" else "False"
    if os.environ.get(ALLOCATOR[0]) != f"expandable_segments:{wanted}":
        sys.exit(_run_alone(given.segments, given.minutes))
    found = check(given.files, Gpu(), given.results, given.page, given.minutes)
    print(*summary(found), sep="\n")


def _run_alone(segments: str, minutes: float) -> int:
    """The same command in a process with that kind of allocator."""
    value = f"expandable_segments:{segments == 'expandable'}"
    options = ["--segments", segments, "--minutes", str(minutes)]
    command = [sys.executable, "-m", "tests.bench.gpu_check", *sys.argv[1:], *options]
    return subprocess.run(command, env={**os.environ, **dict.fromkeys(ALLOCATOR, value)}, cwd=ROOT).returncode


if __name__ == "__main__":
    main()
