"""Predicted CUDA memory beside what a real GPU takes: `make gpu-check`, on any machine with CUDA.

Every network of `specs/` that fits, at batch 1, 8 and 32, in float32 and with bfloat16 autocast, with SGD, momentum and Adam
as PyTorch runs them on a GPU (`foreach`): two steps each. One network of each spec comes first, then another of each, so that
a run that `--minutes` ends has seen all kinds. Each measurement is added to `--results` at once, and is not made again by the
next run. Then docs/reference/gpu-check.md is written of all of them: what was measured, how far the predictions are off, and
how many measurements lie over the band. Arguments name spec files; `PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True`
measures the other kind of allocator.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from itertools import zip_longest
from pathlib import Path
from statistics import median
from time import monotonic
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from archdsl.analyses import Facts
from archdsl.analyses.memory import Band, Taken, TrainingSettings
from archdsl.backends.pytorch import build
from archdsl.ir import Network, unfold
from archdsl.pipeline import open_spec
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
LARGE = 32
"""Batches from here on have a promise of their own."""


class Device(Protocol):
    """Where steps run, and what tells how much memory they took."""

    device: torch.device
    name: str
    memory: int
    """Bytes that steps may take."""
    expandable: bool
    """Whether the allocator has segments that grow."""

    def start(self) -> None:
        """Nothing is held, and what is taken from now on counts."""

    def taken(self) -> Taken:
        """The most since then."""


class Gpu:
    """The first device of CUDA."""

    def __init__(self) -> None:
        self.device = torch.device("cuda")
        self.name = torch.cuda.get_device_name(self.device)
        self.memory = int(SHARE * torch.cuda.get_device_properties(self.device).total_memory)
        settings = (os.environ.get(name, "") for name in ("PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF"))
        self.expandable = any("expandable_segments:True" in text for text in settings)

    def start(self) -> None:
        torch.cuda.synchronize(self.device)
        torch._C._cuda_clearCublasWorkspaces()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(self.device)

    def taken(self) -> Taken:
        torch.cuda.synchronize(self.device)
        stats = torch.cuda.memory_stats(self.device)
        return Taken(*(stats[f"{what}_bytes.all.peak"] for what in Taken._fields))


class Case(NamedTuple):
    """One step to measure."""

    name: str
    batch: int
    precision: str
    optimizer: str
    expandable: bool


class Line(NamedTuple):
    """What was predicted of a step and what was measured."""

    case: Case
    model: Taken
    """Of the allocator as it was run, tensors alone."""
    allocated: Band
    reserved: Band
    measured: Taken | None
    """None where memory ran out."""

    def off(self, what: str) -> float:
        """By how much the model is off, as a share of what was measured; above 0 it said too much."""
        real: int = getattr(self.measured, what)
        return (getattr(self.model, what) - real) / real

    @property
    def is_under(self) -> bool:
        """Whether more was reserved than the band allows: a fit called certain would have failed."""
        return self.measured is None or self.measured.reserved > self.reserved.most

    @property
    def is_inside(self) -> bool:
        return self.measured is not None and self.allocated.least <= self.measured.allocated <= self.allocated.most

    def text(self) -> str:
        return json.dumps([*self])

    @classmethod
    def read(cls, text: str) -> Line:
        case, model, allocated, reserved, measured = json.loads(text)
        real = None if measured is None else Taken(*measured)
        return cls(Case(*case), Taken(*model), Band(*allocated), Band(*reserved), real)


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
        for batch in BATCHES:
            for settings in SETTINGS:
                case = Case(name, batch, settings.precision, settings.optimizer, device.expandable)
                if monotonic() > end:
                    return
                if case not in known and (line := compared(case, network, settings, device)) is not None:
                    yield line


def compared(case: Case, network: Network, settings: TrainingSettings, device: Device) -> Line | None:
    """One measurement; None where a step may not fit, or cannot be: no parameters, a batch norm of a single value."""
    found = Facts(network, case.batch).on_cuda(settings)
    if found is None or found.reserved.most > device.memory:
        return None
    model = found.expandable if device.expandable else found.native
    try:
        measured = taken(network, case.batch, settings, device)
    except torch.OutOfMemoryError:
        measured = None
    except (RuntimeError, ValueError) as error:
        print(f"{case.name}, N = {case.batch}: {str(error).partition(chr(10))[0]}", file=sys.stderr)
        return None
    return Line(case, model, found.allocated, found.reserved, measured)


def taken(network: Network, batch: int, settings: TrainingSettings, device: Device) -> Taken:
    """What the device says after two steps from nothing."""
    gc.collect()
    device.start()
    run(network, batch, settings, device.device)
    return device.taken()


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


def read(results: Path) -> list[Line]:
    """What runs before have measured. A last line that was cut off when a run was ended is left out."""
    texts = results.read_text("utf-8").split("\n")[:-1] if results.exists() else []
    return [*map(Line.read, texts)]


def check(files: Sequence[str], device: Device, results: Path, page: Path, minutes: float = float("inf")) -> list[Line]:
    """Measures what is not known yet, and writes the page of all that is; all lines."""
    found = read(results)
    results.write_text("".join(f"{line.text()}\n" for line in found), "utf-8")
    with results.open("a", encoding="utf-8") as file:
        for line in lines(files, device, {line.case for line in found}, monotonic() + 60 * minutes):
            file.write(f"{line.text()}\n")
            file.flush()
            found.append(line)
    if found:
        page.write_text(page_of(found, device.name), "utf-8")
    return found


def page_of(found: Sequence[Line], device: str) -> str:
    """The page with all lines, and at its head how good the predictions were."""
    title = "# Predicted and measured memory of a GPU"
    head = [title, "", f"PyTorch {torch.__version__} on {device}. Written by `make gpu-check`.", ""]
    rows = map(row, sorted(found, key=lambda line: line.case))
    return "\n".join([*head, *summary(found), "", *TABLE, *rows, ""])


TABLE = (
    "| network | N | precision | optimizer | segments | requested | allocated | reserved | allocated in band |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
)


def row(line: Line) -> str:
    case, real = line.case, line.measured
    figures = [f"{getattr(real, what):_} ({line.off(what):+.1%})" if real else "none left" for what in Taken._fields]
    segments = "expandable" if case.expandable else "native"
    cells = (case.name, str(case.batch), case.precision, case.optimizer, segments, *figures)
    return f"| {' | '.join(cells)} | {'yes' if line.is_inside else 'no'} |"


def summary(found: Sequence[Line]) -> Iterator[str]:
    """Medians and worst cases of the model without workspaces, and what lies over the band."""
    for expandable, words in ((False, "native segments"), (True, "expandable segments")):
        for least, batches in ((1, "all batches"), (LARGE, f"batches from {LARGE} on")):
            chosen = [n for n in found if n.case.expandable == expandable and n.case.batch >= least and n.measured]
            for what in Taken._fields if chosen else ():
                off = [abs(line.off(what)) for line in chosen]
                share = f"median {median(off):.2%} off, at the worst {max(off):.2%}"
                yield f"- {words}, {batches}: {what}, {share}, of {len(chosen)}"
    yield f"- reserved more than the band allows: {sum(line.is_under for line in found)} of {len(found)}"
    yield f"- allocated inside the band: {sum(line.is_inside for line in found)} of {len(found)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="after these nothing more is begun")
    parser.add_argument("--results", type=Path, default=RESULTS, help="what was measured so far, a line each")
    parser.add_argument("--page", type=Path, default=PAGE)
    given = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("gpu-check needs a GPU with CUDA, and PyTorch built for it")
    found = check(given.files, Gpu(), given.results, given.page, given.minutes)
    print(*summary(found), sep="\n")


if __name__ == "__main__":
    main()
