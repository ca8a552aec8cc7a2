"""`checkerboard`: a transposed convolution whose windows overlap unevenly."""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd
from typing import Any

from archdsl.lints.subject import Graph
from archdsl.source import Diagnostic, Kind, Label

KIND = Kind(
    "checkerboard",
    "warning",
    "A transposed convolution adds up its windows where they overlap. Unless the stride divides the window some rows and "
    "columns get more terms than their neighbours, and the output shows a checkerboard (Odena, Dumoulin & Olah 2016).",
)
ACCEPTED = (
    "network A {\n  input maps: [8, 8, 8]\n  conv_transpose(4, 4x4, stride=2, pad=1)\n}",
    "network A {\n  input maps: [8, 8, 8]\n  conv_transpose(4, 3x3, pad=1)\n}",
)
REJECTED = (
    "network A {\n  input maps: [8, 8, 8]\n  conv_transpose(4, 3x3, stride=2)\n}",
    "network A {\n  input maps: [8, 8, 8]\n  conv_transpose(4, 5x5, stride=3)\n}",
)


def find_in_graph(graph: Graph) -> Iterator[Diagnostic]:
    for use in graph.uses:
        if use.op.name != "conv_transpose":
            continue
        op: Any = use.op
        rank = len(use.result.sizes)
        windows, strides, dilations = (_each(value, rank) for value in (op.window, op.stride, op.dilation))
        counts = [_terms(*axis) for axis in zip(windows, strides, dilations, strict=True)]
        uneven = next((axis for axis, (least, most) in enumerate(counts) if least != most), None)
        if uneven is None:
            continue
        k, s, (least, most) = windows[uneven], strides[uneven], counts[uneven]
        wider = (k // s + 1) * s
        yield Diagnostic(
            KIND,
            f"the windows overlap unevenly: a window of {k} at a stride of {s}",
            Label(use.span, f"each output row is a sum of {least} or {most} rows of windows"),
            helps=(f"a window of {wider} tiles at this stride; or upsample, then convolve",),
        )


def _each(value: Any, rank: int) -> tuple[int, ...]:
    """An attribute that holds one number for all axes or one for each."""
    return value if isinstance(value, tuple) else (value,) * rank


def _terms(window: int, stride: int, dilation: int) -> tuple[int, int]:
    """How many rows of windows fall on an output row, at least and at most."""
    reached = stride // gcd(dilation, stride)  # of `stride` neighbouring rows so many, one after the other
    return (window // stride if reached == stride else 0), -(-window // reached)
