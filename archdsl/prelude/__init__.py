"""Layer 2: compound blocks written in the language itself, a file each, found by walking the folder.

A file declares the block of its name, what that needs, and a network of its use whose claims `archdsl check` decides.
"""

from __future__ import annotations

from functools import cache
from os import scandir
from pathlib import Path

from archdsl.source import Source

__all__ = ["is_prelude", "names", "read"]

FOLDER = "<prelude>"


@cache
def names() -> tuple[str, ...]:
    """The names of all blocks of the prelude."""
    (folder,) = __path__
    with scandir(folder) as entries:
        return tuple(sorted(e.name.removesuffix(".arch") for e in entries if e.name.endswith(".arch")))


def read(name: str) -> Source:
    """The file that declares a block of the prelude."""
    file = f"{name}.arch"
    return Source(f"{FOLDER}/{file}", Path(__file__).with_name(file).read_text("utf-8"))


def is_prelude(source: Source) -> bool:
    """Whether a text is of the prelude, where nobody can change it."""
    return source.path.startswith(FOLDER)
