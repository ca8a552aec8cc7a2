"""Predicted peaks of training steps beside real ones, for every network of `specs/` that fits: `make memory-check`.

Prints a line for each network and batch, and at last how many agree to the byte. Arguments name spec files.
"""

from __future__ import annotations

import sys
from pathlib import Path

from archdsl.analyses import Facts
from archdsl.analyses.memory import TrainingSettings
from archdsl.pipeline import open_spec
from tests.support.steps import measured, predicted

SPECS = Path(__file__).parents[2] / "specs"
LIMIT = 6 * 2**30
"""Steps with a higher peak are left out."""
SETTINGS = (TrainingSettings(), TrainingSettings("momentum"), TrainingSettings("adam"))


def main(files: list[str]) -> None:
    agree = compared = 0
    for path in [SPECS / f"{name}.arch" for name in files] or sorted(SPECS.glob("*.arch")):
        spec = open_spec(path)
        for name in spec.networks:
            network = spec.check(name).network
            for batch, settings in ((n, s) for n in (1, 8) for s in SETTINGS):
                if network is None or Facts(network, batch).training(settings).peak > LIMIT:
                    continue
                try:
                    real = measured(network, batch, settings)
                except (RuntimeError, ValueError) as error:  # no parameters, or a batch norm of a single value
                    print(f"{path.stem}:{name}, {batch}, {settings.optimizer}: does not run: {error}", flush=True)
                    continue
                difference = max(
                    abs(real[phase] - bytes) for phase, bytes in predicted(network, batch, settings).items()
                )
                compared, agree = compared + 1, agree + (not difference)
                print(f"{path.stem}:{name}, {batch}, {settings.optimizer}: {difference} bytes off", flush=True)
    print(f"{agree} of {compared} agree to the byte")


if __name__ == "__main__":
    main(sys.argv[1:])
