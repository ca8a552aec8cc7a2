"""Who may import whom. The drawing of the layers is in docs/explanation/architecture.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.source_tree import ROOT, Import, imports, module_file, module_name, python_files, shown

LAYERS = {
    "source": 0,
    "syntax": 1,
    "ir": 1,
    "ops": 2,
    "prelude": 2,
    "elaborate": 3,
    "analyses": 4,
    "lints": 5,
    "claims": 5,
    "formulas": 5,
    "backends": 5,
    "reports": 5,
    "pipeline": 6,
    "pages": 7,
    "targets": 7,
    "fix": 7,
    "errors": 8,
    "api": 9,
    "": 10,  # the package itself shows the Python API
    "cli": 10,
    "__main__": 11,
}
"""A part of the package imports parts of smaller numbers only."""

SIDE_DOORS = {
    "archdsl.ir.op.attrs",  # the types of attributes: for operators alone
    "archdsl.ir.strides",  # PyTorch's rules of strides: for operators, and for what runs them
    "archdsl.source.edits",  # edits applied to a text: for what mends files
    "archdsl.source.latex",  # text for papers
    "archdsl.source.machine",  # diagnostics for programs: for what is printed
    "archdsl.source.render",  # diagnostics as lines: for what is printed
    "archdsl.source.styled",  # text with styles: likewise
}


def part(module: str) -> str:
    """`archdsl.ops.conv` -> `ops`; `archdsl` -> ``."""
    return [*module.split("."), ""][1]


def package_imports(path: Path) -> list[Import]:
    return [i for i in imports(path) if i.module.split(".")[0] == "archdsl"]


def test_every_part_has_a_layer() -> None:
    assert {part(module_name(p)) for p in python_files()} <= set(LAYERS)


@pytest.mark.parametrize("path", python_files(), ids=shown)
def test_imports_point_down(path: Path) -> None:
    own = part(module_name(path))
    upwards = {
        f"{shown(path)}:{found.line} imports {found.module}"
        for found in package_imports(path)
        if part(found.module) != own and LAYERS[part(found.module)] >= LAYERS[own]
    }
    assert not upwards


@pytest.mark.parametrize("path", python_files(), ids=shown)
def test_other_parts_are_entered_by_the_front_door(path: Path) -> None:
    """What a package's `__init__.py` exports is what others may use."""
    own = part(module_name(path))
    inside = {
        f"{shown(path)}:{found.line} imports {found.door}"
        for found in package_imports(path)
        if part(found.module) != own and found.door not in SIDE_DOORS and is_inside(found.door)
    }
    assert not inside


def is_inside(module: str) -> bool:
    """Whether it is a file within a folder, neither a package nor a file of its own such as `archdsl.pipeline`."""
    file = module_file(module)
    return file is not None and file.name != "__init__.py" and module.count(".") > 1


def test_backends_do_not_import_each_other() -> None:
    """Each is a folder that another may not lean on, so that one can be added or dropped."""
    crossing = {
        f"{shown(path)}:{found.line} imports {found.module}"
        for path in python_files()
        for found in package_imports(path)
        if (own := backend(module_name(path))) and (other := backend(found.module)) and own != other
    }
    assert not crossing


def backend(module: str) -> str:
    """`archdsl.backends.pytorch.code.emit` -> `pytorch`; what is in no backend's folder gives ``."""
    folder = module.split(".")[1:3]
    return folder[1] if folder[:1] == ["backends"] and len(folder) == 2 else ""


def test_torch_is_imported_by_its_backend_alone() -> None:
    elsewhere = {
        f"{shown(path)}:{found.line}"
        for path in python_files()
        for found in imports(path)
        if found.module.split(".")[0] in {"torch", "torchvision", "torchinfo"}
        and not module_name(path).startswith("archdsl.backends.pytorch")
    }
    assert not elsewhere


def test_the_drawing_shows_these_layers() -> None:
    """The page and this table must not drift apart: each folder stands there with its number, as `ops/  [2]`."""
    page = (ROOT / "docs/explanation/architecture.md").read_text("utf-8")
    drawn = {name: int(number) for name, number in re.findall(r"^ *(\w+)(?:/|\.py) +\[(\d+)\]", page, re.MULTILINE)}
    present = {part(module_name(p)) for p in python_files()} - {"", "__main__"}
    assert {name: LAYERS.get(name) for name in drawn} == drawn
    assert present <= set(drawn)
