"""What a training step, its peak with all that is alive then, and the largest batch take for every network of `specs/`.

`make bench` runs it. AdamW with `foreach`, batch 8, 24 GiB. The times are those of the processor within a process that has read
the spec, the best of three, without Python's collector, as the command has it; the bar is 50 ms.
"""

from __future__ import annotations

import gc
from pathlib import Path
from statistics import median
from time import process_time

from archdsl.analyses import Facts
from archdsl.analyses.memory import TrainingSettings
from archdsl.ir import Network
from archdsl.pipeline import open_spec

SPECS = Path(__file__).parents[2] / "specs"
SETTINGS = TrainingSettings("adamw", implementation="foreach")
MEMORY = 24 * 2**30
BAR = 0.05
TIMES = 3


def seconds(network: Network) -> float:
    """For one network, of which nothing but what runs in place is known before."""
    facts = Facts(network)
    facts.storage  # noqa: B018
    began = process_time()
    step = facts.training(SETTINGS, 8)
    step.at, step.alive  # noqa: B018
    facts.fit(SETTINGS, MEMORY)
    return process_time() - began


def main() -> None:
    gc.disable()
    taken: dict[str, float] = {}
    for path in sorted(SPECS.glob("*.arch")):
        spec = open_spec(path)
        for name in spec.networks:
            network = spec.check(name).network
            assert network is not None
            taken[name] = min(seconds(network) for _ in range(TIMES))
    worst = max(taken, key=taken.__getitem__)
    over = sum(time > BAR for time in taken.values())
    print(
        f"step, peak and largest batch of {len(taken)} networks: median {median(taken.values()) * 1000:.1f} ms, "
        f"{over} over {BAR * 1000:.0f} ms, the longest {taken[worst] * 1000:.0f} ms ({worst})"
    )


if __name__ == "__main__":
    main()
