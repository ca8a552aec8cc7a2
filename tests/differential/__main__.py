"""A campaign: `python -m tests.differential --first 0 --count 10000` prints what does not agree, made small."""

from __future__ import annotations

import argparse
import gc
import sys
from collections import Counter
from functools import partial
from time import monotonic

import torch

from tests.differential.agree import disagreement
from tests.differential.coverage import Coverage
from tests.differential.shrink import shrunk
from tests.differential.writer import random_spec

SHRUNK = 5
"""Specs of each kind that are made small."""


def _shows(what: str, text: str) -> bool:
    problem = disagreement(text)
    return problem is not None and problem.what == what


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.differential", description=__doc__)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--count", type=int, default=100, help="how many seeds")
    parser.add_argument("--whole", action="store_true", help="do not make specs small")
    given = parser.parse_args()
    torch.set_num_threads(1)
    start = monotonic()
    found: Counter[str] = Counter()
    coverage = Coverage()
    for seed in range(given.first, given.first + given.count):
        text = random_spec(seed)
        problem = disagreement(text)
        if problem is None:
            coverage.add(text)
        else:
            found[problem.what] += 1
            if not given.whole and found[problem.what] <= SHRUNK:
                text = shrunk(text, partial(_shows, problem.what))
                problem = disagreement(text) or problem
            print(f"seed {seed}: {problem.what}: {problem.detail}\n{text}", flush=True)
        if seed % 100 == 99:
            gc.collect()
            print(
                f"{seed + 1 - given.first} networks, {monotonic() - start:.0f} s: {dict(found)}",
                file=sys.stderr,
                flush=True,
            )
    print(f"seeds {given.first}..{given.first + given.count - 1}: {sum(found.values())} disagree {dict(found)}")
    print(coverage)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
