"""Predicted CUDA memory beside what a real GPU takes: `make gpu-check`, on any machine with CUDA.

Every network of `specs/` that fits, at batch 1, 8 and 32, in float32 and with bfloat16 autocast, with SGD, momentum and Adam
as PyTorch runs them on a GPU (`foreach`): two steps each. Writes docs/reference/gpu-check.md: what was measured, how far the
predictions are off, and how many measurements lie over the band. Arguments name spec files.
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from statistics import median
from typing import NamedTuple

import torch
from torch import Tensor

from archdsl.analyses import Facts
from archdsl.analyses.memory import CudaFacts, Taken, TrainingSettings, cuda
from archdsl.backends.pytorch import build
from archdsl.ir import Network
from archdsl.pipeline import open_spec
from tests.support.steps import inputs, loss_of, optimizer_of, target_of

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "gpu-check.md"
BATCHES = (1, 8, 32)
SETTINGS = tuple(
    TrainingSettings(optimizer, precision=precision, implementation="foreach")
    for precision in ("float32", "bf16-mixed")
    for optimizer in ("sgd", "momentum", "adam")
)
SHARE = 0.8
"""Of the device's memory: steps that may need more are left out."""


class Line(NamedTuple):
    """One network, batch and setting: what was predicted and what was measured."""

    name: str
    batch: int
    settings: TrainingSettings
    predicted: CudaFacts
    measured: Taken

    @property
    def model(self) -> Taken:
        """What the model says for the allocator as it was run."""
        return self.predicted.native

    def off(self, what: str) -> float:
        """By how much the model is off, as a share of what was measured; above 0 it said too much."""
        real: int = getattr(self.measured, what)
        return (getattr(self.model, what) - real) / real

    @property
    def is_under(self) -> bool:
        """Whether more was reserved than the band allows: a fit called certain would have failed."""
        return self.measured.reserved > self.predicted.reserved.most

    @property
    def is_inside(self) -> bool:
        band = self.predicted.allocated
        return band.least <= self.measured.allocated <= band.most


def lines(files: list[str], device: torch.device, memory: int) -> Iterator[Line]:
    """Runs all that fits into a number of bytes, one after the other."""
    for path in [ROOT / "specs" / f"{name}.arch" for name in files] or sorted((ROOT / "specs").glob("*.arch")):
        spec = open_spec(path)
        for name in spec.networks:
            network = spec.check(name).network
            for batch, settings in ((n, s) for n in BATCHES for s in SETTINGS):
                if network is None:
                    continue
                predicted = cuda(network, Facts(network, batch).training(settings))
                if predicted.reserved.most > memory:
                    continue
                try:
                    real = measured(network, batch, settings, device)
                except (RuntimeError, ValueError) as error:  # no parameters, or a batch norm of a single value
                    print(f"{path.stem}:{name}, N = {batch}: {str(error).splitlines()[0]}", file=sys.stderr)
                    continue
                yield Line(f"{path.stem}:{name}", batch, settings, predicted, real)


def measured(network: Network, batch: int, settings: TrainingSettings, device: torch.device) -> Taken:
    """What the caching allocator says after two steps from an empty cache."""
    gc.collect()
    torch._C._cuda_clearCublasWorkspaces()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    run(network, batch, settings, device)
    stats = torch.cuda.memory_stats(device)
    return Taken(*(stats[f"{what}_bytes.all.peak"] for what in ("requested", "allocated", "reserved")))


def run(network: Network, batch: int, settings: TrainingSettings, device: torch.device, steps: int = 2) -> None:
    """Real steps on a device."""
    module = build(network, device).train()
    data = [tensor.to(device) for tensor in inputs(network, batch)]
    target = target_of(network, batch, settings)
    target = None if target is None else target.to(device)
    optimizer = optimizer_of(settings, [*module.parameters()])

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast(device.type, torch.bfloat16) if settings.is_mixed else nullcontext():
            output = module(*data)
            loss = loss_of(settings, output if isinstance(output, Tensor) else output[0], target)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    for _ in range(steps):
        step()


def page(found: Iterable[Line], device: str) -> str:
    """The page with all lines, and at its head how good the predictions were."""
    found = [*found]
    rows = [
        f"| {line.name} | {line.batch} | {line.settings.precision} | {line.settings.optimizer} | "
        + " | ".join(f"{getattr(line.measured, what):_} ({line.off(what):+.1%})" for what in Taken._fields)
        + f" | {'yes' if line.is_inside else 'no'} |"
        for line in found
    ]
    title = "# Predicted and measured memory of a GPU"
    head = [title, "", f"PyTorch {torch.__version__} on {device}. Written by `make gpu-check`.", ""]
    return "\n".join([*head, *summary(found), "", *TABLE, *rows, ""])


TABLE = (
    "| network | N | precision | optimizer | requested | allocated | reserved | allocated in band |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
)


def summary(found: list[Line]) -> Iterator[str]:
    """Medians and worst cases of the model without workspaces, and what lies over the band."""
    for what in Taken._fields:
        off = [abs(line.off(what)) for line in found]
        yield f"- {what}: median {median(off):.2%} off, at the worst {max(off):.2%}"
    yield f"- reserved more than the band allows: {sum(line.is_under for line in found)} of {len(found)}"
    yield f"- allocated inside the band: {sum(line.is_inside for line in found)} of {len(found)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("gpu-check needs a GPU with CUDA, and PyTorch built for it")
    device = torch.device("cuda")
    memory = int(SHARE * torch.cuda.get_device_properties(device).total_memory)
    found = [*lines(arguments.files, device, memory)]
    PAGE.write_text(page(found, torch.cuda.get_device_name(device)), "utf-8")
    print(*summary(found), sep="\n")


if __name__ == "__main__":
    main()
