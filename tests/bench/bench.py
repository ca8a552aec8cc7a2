"""How long a whole `archdsl check` of VGG-16 takes, beside the imports it stands on and beside torchinfo.

`make bench` runs it. Whole processes are timed, each of ours next to one of the other's, and the median of the pairs'
ratios is held against a bar, so that a slow or busy machine slows both sides. Exits with 1 where a bar is missed.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import Counter
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CHECK = [str(Path(sys.executable).with_name("archdsl")), "check", "specs/vgg16.arch"]
ABSENT = {"torch", "networkx", "rich"}


class Rival(NamedTuple):
    """A process to be timed beside ours, the largest ratio of ours to it, and how many pairs to run."""

    name: str
    arguments: list[str]
    bar: Fraction
    pairs: int


RIVALS = (
    Rival('python -c "import lark, pydantic"', ["-c", "import lark, pydantic"], Fraction(2), 21),
    Rival("torchinfo, weights allocated", [str(HERE / "torch_vgg16.py")], Fraction(1, 15), 7),
    Rival("torchinfo, meta device", [str(HERE / "torch_vgg16.py"), "--meta"], Fraction(1, 5), 7),
)


def seconds(command: list[str]) -> float:
    """Wall time of one process. Raises `CalledProcessError` where it fails."""
    start = time.perf_counter()
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def race(rival: Rival) -> bool:
    """Runs the pairs, prints a row, and says whether the bar holds."""
    theirs = [sys.executable, *rival.arguments]
    seconds(CHECK), seconds(theirs)  # files and byte code into their caches
    pairs = [(seconds(CHECK), seconds(theirs)) for _ in range(rival.pairs)]
    ratio = median(ours / other for ours, other in pairs)
    holds = ratio <= rival.bar
    print(
        f"{rival.name:<36}{median(p[0] for p in pairs) * 1000:>8.0f} ms{median(p[1] for p in pairs) * 1000:>8.0f} ms"
        f"{as_ratio(ratio):>9}{'<= ' + str(rival.bar):>10}  {'ok' if holds else 'MISSED'}"
    )
    return holds


def as_ratio(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio >= 0.5 else f"1/{1 / ratio:.1f}"


def import_split() -> bool:
    """Prints where the imports of a piped check go, by distribution, and says whether the heavy ones are absent."""
    command = [sys.executable, "-X", "importtime", "-m", "archdsl", "check", "specs/vgg16.arch"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    spent: Counter[str] = Counter()
    for own, name in re.findall(r"^import time: +(\d+) \| +\d+ \| +(\S+)$", done.stderr, re.MULTILINE):
        spent[owner(name)] += int(own)
    print(f"\nimports of a piped check: {spent.total() / 1000:.0f} ms under -X importtime")
    for name, micros in ((n, m) for n, m in spent.most_common() if m >= 100):
        print(f"  {name:<22}{micros / 1000:>8.1f} ms")
    found = ABSENT & set(spent)
    print(f"  {', '.join(sorted(ABSENT))}: {'IMPORTED: ' + ', '.join(sorted(found)) if found else 'not imported'}")
    return not found


def owner(module: str) -> str:
    """The distribution that a module is counted under; Python's own library is one."""
    top = module.partition(".")[0]
    return "Python's library" if top in sys.stdlib_module_names else top


def main() -> int:
    print(f"{'archdsl check specs/vgg16.arch, beside':<36}{'archdsl':>9}{'other':>11}{'ratio':>9}{'bar':>10}")
    held = [race(rival) for rival in RIVALS]
    return 0 if all([*held, import_split()]) else 1


if __name__ == "__main__":
    sys.exit(main())
