"""What every file owes its reader."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

from tests.architecture.source_tree import (
    PACKAGE,
    ROOT,
    module_file,
    module_name,
    python_files,
    shown,
    text_files,
    tree,
)

LONG = 400
LONG_FOR_A_REASON: dict[str, str] = {}
"""Files of more than 400 lines, each with the reason why it is one file."""

# Bracketed letters keep this page from finding itself.
OUT_OF_PLACE = {
    "a path of one machine": r"(?<![\w.])/(?:[w]ork|root|home|Users)\b",
    "a path out of the project": r"\.\./[s]hared",
    "a package index": r"[p]ypi\.org|[p]ythonhosted\.org|download\.[p]ytorch\.org",
    "a word for who wrote it, not for what it does": r'\b(?:sub-?)?[a]gents?\b|(?<!scope=")\b[s]essions?\b',
}
OUT_OF_PLACE_IN_PROSE = {"a word for who wrote it, not for what it does": r"\b[h]elpers?\b"}


def findings(path: Path, patterns: dict[str, str]) -> list[str]:
    lines = path.read_text("utf-8", errors="replace").splitlines()
    return [
        f"{shown(path)}:{number}: {what}: {line.strip()}"
        for number, line in enumerate(lines, 1)
        for what, pattern in patterns.items()
        if re.search(pattern, line, re.IGNORECASE)
    ]


def test_the_text_speaks_of_archdsl_alone() -> None:
    files = list(text_files())
    assert ROOT / "pyproject.toml" in files and PACKAGE / "ir" / "types.py" in files
    found = [f for path in files for f in findings(path, OUT_OF_PLACE)]
    found += [f for path in files if path.suffix == ".md" for f in findings(path, OUT_OF_PLACE_IN_PROSE)]
    assert not found, "\n".join(found)


def front_doors() -> list[str]:
    return [module_name(p) for p in python_files() if p.name == "__init__.py"]


def definition(thing: object) -> ast.AST | None:
    """The `class` or `def` of a thing of the package, or None where it is something else."""
    module, name = getattr(thing, "__module__", None) or "", getattr(thing, "__qualname__", "")
    path = module_file(module) if module.split(".")[0] == "archdsl" else None
    if path is None:
        return None
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return next((n for n in tree(path).body if isinstance(n, kinds) and n.name == name), None)


@pytest.mark.parametrize("package", front_doors())
def test_a_front_door_is_documented(package: str) -> None:
    """What a package exports has a docstring, and the package says what it is for."""
    module = importlib.import_module(package)
    assert module.__doc__
    exported = {name: definition(getattr(module, name)) for name in getattr(module, "__all__", ())}
    bare = [name for name, node in exported.items() if node is not None and not ast.get_docstring(node)]  # type: ignore[arg-type]
    assert not bare


def test_files_are_short() -> None:
    """About 400 lines is the moment to ask why; the answer goes into the list above."""
    lengths = {shown(p): len(p.read_text("utf-8").splitlines()) for p in python_files()}
    assert {path for path, lines in lengths.items() if lines > LONG} == set(LONG_FOR_A_REASON)
