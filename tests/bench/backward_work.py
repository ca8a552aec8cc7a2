"""The work of backward beside PyTorch's own counter, for every network of `specs/`, on the meta device: `make flops-check`.

Prints the networks that differ, and at last how many agree. Of a convolution with a table of connections, as LeNet-5 has, the
counter counts all pairs. Arguments name spec files.
"""

from __future__ import annotations

import sys
from pathlib import Path

from archdsl.pipeline import open_spec
from tests.oracle.test_backward import check

SPECS = Path(__file__).parents[2] / "specs"


def main(files: list[str]) -> None:
    agree = count = 0
    for path in [SPECS / f"{name}.arch" for name in files] or sorted(SPECS.glob("*.arch")):
        spec = open_spec(path)
        for name in spec.networks:
            count += 1
            try:
                check(spec.check(name).network)
                agree += 1
            except AssertionError:
                print(f"{path.stem}:{name}: other counts", flush=True)
            except (RuntimeError, ValueError) as error:  # nothing to train
                print(f"{path.stem}:{name}: {str(error).splitlines()[0]}", flush=True)
    print(f"{agree} of {count} networks: forward and backward as PyTorch counts them")


if __name__ == "__main__":
    main(sys.argv[1:])
