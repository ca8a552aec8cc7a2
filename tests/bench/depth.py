"""What `check` and the reports take as networks get deeper: blocks alike in a loop, and layers that are all different.

`make bench` runs it. Whole processes are timed by the seconds of the processor that they take. Of blocks alike, a million
have to take less than twice as long as a thousand do. Exits with 1 where they do not.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random
from statistics import median

COMMAND = str(Path(sys.executable).with_name("archdsl"))
RUNS = {
    "check": ["check"],
    "report summary": ["report", "summary"],
    "report memory --train": ["report", "memory", "--train"],
    "the same as JSON": ["report", "memory", "--train", "--format", "json"],
    "all reports as JSON": ["report", "all", "--format", "json"],
    "explain macs": ["explain", "macs"],
    "fit": ["fit", "--memory", "24GiB"],
    "diff": ["diff", "FIRST"],
}
"""By what is printed: a command, which is given a file; `FIRST` is the first of its row."""
ALIKE = (1_000, 100_000, 1_000_000)
DIFFERENT = (1_000, 10_000, 99_000)
"""A network has at most 100_000 operators that are not alike."""
TIMES = 3
LONG = 1_000_000
"""Characters; what is longer is timed once."""


def alike(count: int) -> str:
    """Residual blocks."""
    block = "block unit { add { | conv(16, 3x3, pad=1) -> bn -> relu | in } -> relu }\n"
    return (
        f"{block}network A {{\n  input image: [16, 32, 32]\n  repeat {count} {{ unit }}\n  flatten -> linear(10)\n}}\n"
    )


def different(count: int) -> str:
    """Convolutions of random widths, each with its activation."""
    random = Random(1)
    lines = (
        f"  conv({random.randint(4, 64)}, {random.choice(['1x1', '3x3'])}, pad=half) -> relu\n"
        for _ in range(count // 2)
    )
    return f"network A {{\n  input image: [8, 8, 8]\n{''.join(lines)}  flatten -> linear(10)\n}}\n"


def seconds(arguments: list[str]) -> float:
    """Of the processor, for a whole process. Raises `CalledProcessError` where it fails; that nothing fits is an answer."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([COMMAND, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    if done.returncode > 1:
        done.check_returncode()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def curve(name: str, texts: dict[int, str], folder: Path) -> dict[str, list[float]]:
    """The medians, a row for each command."""
    print(f"\n{name:<24}" + "".join(f"{count:>12_}" for count in texts))
    found: dict[str, list[float]] = {}
    files = {count: folder / f"{count}.arch" for count in texts}
    first = str(next(iter(files.values())))
    for count, file in files.items():
        file.write_text(texts[count], "utf-8")
    for run, words in RUNS.items():
        arguments = [first if word == "FIRST" else word for word in words]
        found[run] = []
        for count, file in files.items():
            times = 1 if len(texts[count]) > LONG else TIMES
            found[run].append(median(seconds([*arguments, str(file)]) for _ in range(times)))
        print(f"{run:<24}" + "".join(f"{taken:>10.2f} s" for taken in found[run]), flush=True)
    return found


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        repeated = curve("blocks alike", {count: alike(count) for count in ALIKE}, Path(folder))
        curve("layers all different", {count: different(count) for count in DIFFERENT}, Path(folder))
    missed = [run for run, taken in repeated.items() if taken[-1] > 2 * taken[0]]
    print(
        f"\na million blocks within twice the time of a thousand: {'MISSED by ' + ', '.join(missed) if missed else 'ok'}"
    )
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
