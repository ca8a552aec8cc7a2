"""What starting archdsl costs is what it imports: heavy libraries are loaded where they are used, never before."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.architecture.source_tree import ROOT

HEAVY = ("torch", "networkx", "rich", "numpy", "graphviz", "pygraphviz", "jsonschema", "matplotlib")

IMPORT_ALL = f"""
import importlib, pkgutil, sys
import archdsl
names = [m.name for m in pkgutil.walk_packages(archdsl.__path__, "archdsl.") if not m.name.endswith("__main__")]
for name in names:
    importlib.import_module(name)
assert len(names) > 20, names
print(*sorted(set(sys.modules) & set({HEAVY!r})))
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_no_module_loads_a_heavy_library() -> None:
    done = run("-c", IMPORT_ALL)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


TRAINED = ("--optimizer", "adam")


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "specs/vgg16.arch"),
        ("report", "memory", "specs/vgg16.arch", "--train", *TRAINED),
        ("fit", "specs/lenet.arch:LeNet5", "--memory", "1GiB", *TRAINED),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_piped_command_loads_no_heavy_library(arguments: tuple[str, ...]) -> None:
    done = run("-X", "importtime", "-m", "archdsl", *arguments)
    assert done.returncode == 0, done.stdout
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "archdsl.cli" in loaded, "the listing of imports was not understood"
    assert not loaded & set(HEAVY)
