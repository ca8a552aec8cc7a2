"""Figures and shapes as pictures write them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import log2

from archdsl.backends.graphviz.model import Glyph
from archdsl.ir import TensorType


def total(n: int) -> str:
    """Exact below a million, else with two decimals: `60_000`, `138.36M`."""
    for limit, unit in ((10**12, "T"), (10**9, "G"), (10**6, "M")):
        if n >= limit:
            return f"{n / limit:.2f}{unit}"
    return f"{n:_}"


def short(n: int) -> str:
    """Three digits and a unit: `1.79K`, `36.9K`, `148K`; below a thousand the number itself."""
    if n < 1000:
        return str(n)
    power = next((p for p in (1, 2, 3) if n < 999.5 * 1000**p), 4)
    scaled = n / 1000**power
    return f"{scaled:.{2 if scaled < 9.995 else 1 if scaled < 99.95 else 0}f}{' KMGT'[power]}"


def times(text: str) -> str:
    """Windows with a multiplication sign: `3x3` as `3×3`."""
    return re.sub(r"(?<=\d)x(?=\d)", "×", text)


def show_output(types: Iterable[TensorType]) -> str:
    """Shapes channel first, without brackets: `64×224×224`."""
    return ", ".join(
        ("" if t.dtype == "float32" else f"{t.dtype} ") + ("×".join(map(str, t.shape)) or "1") for t in types
    )


def glyph(type: TensorType) -> Glyph:
    """A tensor's picture: as wide as the log of its channels, as high as the log of its largest spatial size."""
    channels, sizes = (type.shape[0], type.sizes) if type.shape else (1, ())
    width = 1.8 * log2(max(channels, 2))
    height = 1.55 * log2(max((*sizes, 2)))
    return max(3, min(round(width), 28)), max(2, min(round(height), 14))
