"""The same work done once more, in a process of its own where sets have another order."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.support.cli import ROOT


def printed(program: str, seed: int = 1) -> str:
    """What a Python program prints where text is hashed by another seed."""
    env = {**os.environ, "PYTHONHASHSEED": str(seed)}
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=env, capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return done.stdout
