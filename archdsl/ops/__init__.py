"""Layer 2: the catalogue of operators. The file `conv.py` holds the operator `conv`; rules that several share are in
`families/`.

Since a file's name is its operator's, the folder's listing is the list of operators, a spec pays for those that it
uses, and nothing is registered.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path

from archdsl.ir import Op


@cache
def names() -> frozenset[str]:
    """The names of all operators. None is imported."""
    return frozenset(p.stem for p in Path(__file__).parent.glob("[a-z]*.py"))


@cache
def find(name: str) -> type[Op] | None:
    """The operator of a name, or None."""
    if name not in names():
        return None
    module = import_module(f"{__name__}.{name}")
    return next(op for op in vars(module).values() if isinstance(op, type) and vars(op).get("name") == name)


def catalogue() -> dict[str, type[Op]]:
    """Every operator by name, in alphabetical order."""
    return {name: op for name in sorted(names()) if (op := find(name))}
