"""Predicted peaks beside real ones, for the networks of `specs/`: `make memory-check`.

Batch 1 and 8; inference, and steps of training with SGD, momentum and Adam. Networks with the lowest peaks come first; those
over `--memory` are left out, and after `--minutes` no other one is begun. With `--hollow` kernels hand out memory and compute
nothing (`tests/support/hollow.py`), so that all networks are reached, and `--batches` can be large. Prints a line for each
network and batch, then a table of the specs and what was not run, as docs/reference/memory-check.md has them. Arguments name
spec files.
"""

from __future__ import annotations

import argparse
import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import torch

from archdsl.analyses import Facts
from archdsl.analyses.memory import TrainingSettings
from archdsl.backends.pytorch import build
from archdsl.ir import Network
from archdsl.pipeline import open_spec
from tests.support.hollow import hollow_kernels
from tests.support.live import activation_peak
from tests.support.steps import inputs, measured, predicted

SPECS = Path(__file__).parents[2] / "specs"
SETTINGS = (TrainingSettings(), TrainingSettings("momentum"), TrainingSettings("adam"))


class Case(NamedTuple):
    """One network at one batch."""

    spec: str
    network: Network
    batch: int
    peak: int
    is_exact: bool

    @property
    def name(self) -> str:
        return f"{self.spec}:{self.network.name}, N = {self.batch}"


def cases(files: list[str], batches: list[int]) -> Iterator[Case]:
    for path in [SPECS / f"{name}.arch" for name in files] or sorted(SPECS.glob("*.arch")):
        spec = open_spec(path)
        for name in spec.networks:
            network = spec.check(name).network
            for batch in batches:
                if network is not None:
                    facts = Facts(network, batch).training(SETTINGS[-1])
                    yield Case(path.stem, network, batch, facts.peak, facts.status == "exact")


def differences(case: Case) -> Iterator[int | None]:
    """Bytes off, of inference and of the phases of each step; None where PyTorch does not run it."""
    module, data = build(case.network), inputs(case.network, case.batch)
    yield abs(Facts(case.network, case.batch).memory.activation_peak - activation_peak(module, *data))
    del module, data
    for settings in SETTINGS:
        gc.collect()
        try:
            real = measured(case.network, case.batch, settings)
        except (RuntimeError, ValueError):  # no parameters, or a batch norm of a single value
            yield None
            continue
        yield max(abs(real[phase] - bytes) for phase, bytes in predicted(case.network, case.batch, settings).items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*")
    parser.add_argument("--memory", type=float, help="GiB (default: 6; hollow, where memory is only promised, 500)")
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--hollow", action="store_true")
    arguments = parser.parse_args()
    limit = arguments.memory or (500 if arguments.hollow else 6)
    torch.set_num_threads(1)
    end = monotonic() + 60 * arguments.minutes
    found = sorted(cases(arguments.files, arguments.batches), key=lambda case: case.peak)
    runs: Counter[tuple[str, str]] = Counter()
    left: Counter[str] = Counter()
    for case in found:
        if not case.is_exact:
            left["are estimates, and say so"] += 1
        elif case.peak > limit * 2**30:
            left[f"take more than {limit:g} GiB"] += 1
        elif monotonic() > end:
            left["were not reached"] += 1
        else:
            with hollow_kernels() if arguments.hollow else nullcontext():
                off = [*differences(case)]
            print(case.name, off, flush=True)
            runs[case.spec, "networks"] += case.batch == arguments.batches[0]
            runs[case.spec, "inferences"] += 1
            runs[case.spec, "steps"] += sum(d is not None for d in off[1:])
            runs[case.spec, "off"] += sum(bool(d) for d in off)
    print("\n| spec | networks | inferences | steps | not equal |\n| --- | --- | --- | --- | --- |")
    for spec in sorted({spec for spec, _ in runs}):
        print(
            "| "
            + " | ".join([spec, *(str(runs[spec, what]) for what in ("networks", "inferences", "steps", "off"))])
            + " |"
        )
    print("".join(f"\n{count} of {len(found)} pairs of network and batch {why}" for why, count in left.items()))


if __name__ == "__main__":
    main()
