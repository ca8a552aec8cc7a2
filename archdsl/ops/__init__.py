"""Layer 2: the catalogue of operators, one or one family sharing a rule per file, found by walking the folder.

Looking up a name imports the file of that name where there is one, so that a spec pays for the operators it uses.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path

from archdsl.ir.op import Op


@cache
def _files() -> frozenset[str]:
    return frozenset(p.stem for p in Path(__file__).parent.glob("[a-z]*.py"))


def _defined_in(file: str) -> dict[str, type[Op]]:
    module = import_module(f"archdsl.ops.{file}")
    return {
        op.name: op
        for op in vars(module).values()
        if isinstance(op, type) and issubclass(op, Op) and op.__module__ == module.__name__ and "name" in vars(op)
    }


@cache
def catalogue() -> dict[str, type[Op]]:
    """Every operator by name, in alphabetical order."""
    found = {name: op for file in sorted(_files()) for name, op in _defined_in(file).items()}
    return dict(sorted(found.items()))


def find(name: str) -> type[Op] | None:
    """The operator of a name, or None."""
    if name in _files():
        return _defined_in(name).get(name)
    return catalogue().get(name)
