"""The command line, in this process or in one of its own."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from archdsl.cli import main

ROOT = Path(__file__).resolve().parents[2]


class Done(NamedTuple):
    """What a command line did."""

    code: int
    out: str
    err: str


class Cli:
    """Runs command lines in this process."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self.capture = capture

    def __call__(self, *arguments: str | Path) -> Done:
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as stop:  # argparse, about wrong use
            code = int(stop.code or 0)
        finally:
            gc.enable()
            gc.unfreeze()
        return Done(code, *self.capture.readouterr())


def environment(**changes: str) -> dict[str, str]:
    """That of this process without what decides colours, and with changes."""
    kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    return {**kept, "PYTHONPATH": str(ROOT), **changes}


def process(*arguments: str | Path, cwd: Path = ROOT, stdin: str = "", **changes: str) -> Done:
    """Runs a command line in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "archdsl", *map(str, arguments)],
        cwd=cwd,
        env=environment(**changes),
        input=stdin.encode("utf-8"),
        capture_output=True,
        timeout=120,
    )
    return Done(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))
