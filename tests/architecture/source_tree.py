"""The files of the project, read as text and as Python syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "archdsl"


class Import(NamedTuple):
    """One imported module, the module that it or a name of it is asked from, and where the import stands."""

    module: str
    door: str
    line: int


@cache
def python_files() -> tuple[Path, ...]:
    """Every Python file of the package."""
    return tuple(sorted(PACKAGE.rglob("*.py")))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def shown(path: Path) -> str:
    """The path as people name it: from the root of the project."""
    return path.relative_to(ROOT).as_posix()


def module_name(path: Path) -> str:
    """`archdsl/ir/types.py` -> `archdsl.ir.types`; `archdsl/ir/__init__.py` -> `archdsl.ir`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def module_file(name: str) -> Path | None:
    """The file of a module of the package, or None where the name is no module."""
    path = ROOT.joinpath(*name.split("."))
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)


def imports(path: Path) -> Iterator[Import]:
    """Every import of a file, those inside functions too. `from a import b` is `a.b` where that is a module."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(path, node)
            for alias in node.names:
                inner = f"{origin}.{alias.name}"
                yield Import(inner if module_file(inner) else origin, origin, node.lineno)


def _origin(path: Path, node: ast.ImportFrom) -> str:
    """The module after `from`, with leading dots resolved."""
    if not node.level:
        return node.module or ""
    package = module_name(path).split(".")
    ups = node.level - (path.name == "__init__.py")
    base = package[: len(package) - ups]
    return ".".join([*base, *([node.module] if node.module else [])])


def text_files() -> Iterator[Path]:
    """Every text file that belongs to the project."""
    folders = ("archdsl", "specs", "tests", "docs", ".ci")
    inside = (p for folder in folders for p in (ROOT / folder).rglob("*") if "__pycache__" not in p.parts)
    named = (p for p in ROOT.iterdir() if p.name != ".git" and not p.name.startswith(".coverage"))
    for path in sorted({*inside, *named}):
        if path.is_file() and b"\0" not in path.read_bytes():
            yield path


def pages() -> list[Path]:
    """The Markdown pages that people read."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "specs").rglob("*.md")])
