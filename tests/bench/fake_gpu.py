"""The bytes that a training step asks a GPU for, as predicted and as PyTorch shows them without one: `make cuda-check`.

Steps with SGD and AdamW, batch 2, in float32 and with autocast to bfloat16, on fake tensors (`tests/support/fake_steps.py`).
Prints a line for each, and exits with 1 where two figures differ. Arguments are networks, `resnet:ResNet18`, or whole specs;
without any, all of `specs/` are taken.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

from archdsl.analyses import Facts
from archdsl.analyses.memory import TrainingSettings
from archdsl.ir import Network
from archdsl.pipeline import open_spec
from tests.support.fake_steps import peak

SPECS = Path(__file__).parents[2] / "specs"
SETTINGS = tuple(
    TrainingSettings(optimizer, implementation="foreach", precision=precision)
    for optimizer in ("sgd", "adamw")
    for precision in ("float32", "bf16-mixed")
)
BATCH = 2


def requested(network: Network, batch: int, settings: TrainingSettings) -> int:
    """The most bytes at once in the second of the two steps that `archdsl fit` plays."""
    traffic = Facts(network, batch).training(settings, batch, "cuda").simulation.traffic
    sizes = traffic.sizes_at(batch)
    signed = sizes + [-size for size in reversed(sizes)]  # so that a complement finds what is freed
    before, last = (signed[event] for part in traffic.parts[:2] for event in part), traffic.parts[2]
    return max(accumulate((signed[event] for event in last), initial=sum(before)))


def networks(names: list[str]) -> Iterator[tuple[str, Network]]:
    for name in names or sorted(path.stem for path in SPECS.glob("*.arch")):
        stem, _, title = name.partition(":")
        spec = open_spec(SPECS / f"{stem}.arch")
        for own in [title] if title else spec.networks:
            network = spec.check(own).network
            assert network is not None
            if Facts(network).cost.total.params:  # else there is nothing to train
                yield f"{stem}:{own}", network


def main(names: list[str]) -> int:
    equal = different = 0
    for name, network in networks(names):
        for settings in SETTINGS:
            told, seen = requested(network, BATCH, settings), peak(network, BATCH, settings)
            equal, different = equal + (told == seen), different + (told != seen)
            print(f"{name} {settings.precision} {settings.optimizer}: {told} told, {seen} seen", flush=True)
    print(f"{equal} steps equal, {different} not")
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
