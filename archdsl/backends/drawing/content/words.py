"""Figures and shapes as pictures write them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from math import log2

from archdsl.backends.drawing.content.model import Glyph
from archdsl.ir import TensorType

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def times(text: str) -> str:
    """Windows with a multiplication sign: `3x3` as `3×3`."""
    return re.sub(r"(?<=\d)x(?=\d)", "×", text)


def show_output(types: Iterable[TensorType]) -> str:
    """Shapes channel first, without brackets: `64×224×224`; of more than two alike in a row, how many: `26 of 1×64`."""
    runs = ((shape, len(list(alike))) for shape, alike in groupby(map(_shape, types)))
    return ", ".join(f"{n} of {shape}" if n > 2 else ", ".join([shape] * n) for shape, n in runs)


def _shape(type: TensorType) -> str:
    return ("" if type.dtype == "float32" else f"{type.dtype} ") + ("×".join(map(str, type.shape)) or "1")


def extent(type: TensorType, axis: int) -> tuple[int, int]:
    """The channels of a tensor, which lie along an axis, and the largest of its other sizes, of a vector 0."""
    if not type.shape:
        return 1, 0
    axis = min(axis, type.rank - 1)
    return type.shape[axis], max((*type.shape[:axis], *type.shape[axis + 1 :]), default=0)


def glyph(type: TensorType, axis: int) -> Glyph:
    """A tensor's picture: as wide as the log of its channels, as high as the log of its largest other size."""
    channels, size = extent(type, axis)
    width = 1.8 * log2(max(channels, 2))
    height = 1.55 * log2(max(size, 2))
    return max(3, min(round(width), 28)), max(2, min(round(height), 14))


def clean(text: str) -> str:
    """The text on one line, without characters that XML cannot hold or that turn the direction of what follows."""
    return _UNPRINTABLE.sub(lambda m: " " if m[0] in "\t\n\r" else "\N{REPLACEMENT CHARACTER}", text)
