"""What tests of pictures draw, and what stands in a picture."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from archdsl import load
from archdsl.backends.drawing.places.scene import Outline, Shape
from archdsl.ir import Network

SPECS = Path(__file__).parents[2] / "specs"


@cache
def graph(name: str) -> Network:
    """A network of the bundled specs."""
    return load(f"{SPECS}/{name}").graph


def shapes(found: list[Shape]) -> Iterator[Shape]:
    """All shapes, those in outlines too."""
    for shape in found:
        yield shape
        if isinstance(shape, Outline):
            yield from shapes(shape.inside)
