"""How long a whole `archdsl check` of VGG-16 takes, beside the imports it stands on and beside torchinfo; then of all specs.

`make bench` runs it. Whole processes are timed, each of ours next to one of the other's, and the median of the pairs'
ratios is held against a bar, so that a slow or busy machine slows both sides. Specs of 100 and of 100,000 lines
are parsed and elaborated beside it, and all networks of `specs/` are checked in this process, by its CPU time. Exits
with 1 where a bar is missed.
"""

from __future__ import annotations

import gc
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
NETWORK_BAR = 0.010
"""Seconds of CPU time for the check of a network, at the median over `specs/`."""


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


UNIT = """\
## A residual unit, written {n} times.
block unit{n}(width, stride = 1) {{
  add {{
    | conv1: conv(width, 3x3, stride, pad=1, bias=false) -> bn1: bn -> relu
      conv2: conv(width, 3x3, pad=1, bias=false) -> bn2: bn
    | if stride != 1 or in.channels != width {{
        downsample: {{ conv(width, 1x1, stride, bias=false) -> bn }}
      }}
  }}
  relu
}}
network Net{n}(classes = 10) {{
  input image: [3, 32, 32]
  stem: conv(16, 3x3, pad=1) -> relu
  layer1: unit{n}(16)
  layer2: unit{n}(32, stride=2)
  avgpool(global) -> flatten
  fc: linear(classes)
  output logits
}}
"""
SIZES = ((100, 21, 0.010, 1.5e9), (100_000, 3, 15.0, 1.5e9))
"""Lines of a spec, how many processes to run, and the bars: seconds of the processor for both, bytes of the process."""
TIMED = """\
import gc, resource, sys, time
gc.disable()
from pathlib import Path
from archdsl.pipeline import open_source
from archdsl.source import Source
text = sys.stdin.read()
for again in range(int(sys.argv[1])):
    start = time.process_time()
    spec = open_source(Source("bench.arch", text), Path())
    built = [spec.program.build(name) for name in spec.networks]
    spent = time.process_time() - start
assert not spec.problems and all(b.network is not None for b in built), (spec.problems + built[0].problems)[:1]
print(spent, 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def size(lines: int, runs: int, bar: float, room: float) -> bool:
    """Parses and elaborates a spec of so many lines, each time in a new process, and prints a row."""
    length = UNIT.count("\n")
    text = "".join(UNIT.format(n=n) for n in range(lines // length)) + "# the rest\n" * (lines % length)
    warm = "3" if lines <= 1_000 else "1"  # operators are imported at their first use
    done = [
        subprocess.run(
            [sys.executable, "-c", TIMED, warm], input=text, capture_output=True, text=True, check=True, cwd=ROOT
        )
        for _ in range(runs)
    ]
    spent, peak = (median(float(d.stdout.split()[column]) for d in done) for column in (0, 1))
    holds = spent <= bar and peak <= room
    print(
        f"{f'parse and elaborate {lines:_} lines':<36}{spent * 1000:>8.1f} ms{peak / 1e6:>8.0f} MB"
        f"{'':>9}{f'<= {bar * 1000:.0f} ms':>10}  {'ok' if holds else 'MISSED'}"
    )
    return holds


def whole_tree() -> bool:
    """Checks all networks of `specs/`, claims and lints too, and holds the median time of one against the bar."""
    from archdsl.pipeline import open_spec

    gc.disable()  # as the command has it
    times: list[tuple[float, str]] = []
    for path in sorted((ROOT / "specs").glob("*.arch")):
        start = time.process_time()
        spec = open_spec(path)
        reading = (time.process_time() - start) / len(spec.networks)
        for name in spec.networks:
            start = time.process_time()
            assert not spec.check(name).problems, name
            times.append((reading + time.process_time() - start, name))
    middle, (longest, name) = median(t for t, _ in times), max(times)
    print(
        f"\n{len(times)} networks of specs/ checked in {sum(t for t, _ in times):.1f} s of CPU time: "
        f"median {middle * 1000:.1f} ms, bar {NETWORK_BAR * 1000:.0f} ms, longest {longest * 1000:.0f} ms ({name})"
        f"  {'ok' if middle <= NETWORK_BAR else 'MISSED'}"
    )
    return middle <= NETWORK_BAR


def main() -> int:
    print(f"{'archdsl check specs/vgg16.arch, beside':<36}{'archdsl':>9}{'other':>11}{'ratio':>9}{'bar':>10}")
    held = [race(rival) for rival in RIVALS]
    held += [size(*asked) for asked in SIZES]
    return 0 if all([*held, import_split(), whole_tree()]) else 1


if __name__ == "__main__":
    sys.exit(main())
