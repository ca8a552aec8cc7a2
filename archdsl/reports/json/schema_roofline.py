"""The part of the published schema that `--on DEVICE` fills."""

from __future__ import annotations

from typing import Literal, TypedDict

from archdsl.analyses.roofline import Precision


class LayerBound(TypedDict):
    """The least time of a layer for the batch."""

    path: str
    flops: int
    bytes: int
    """Operands, weights and results, each moved once."""
    seconds: float
    by: Literal["arithmetic", "memory"]
    """What it waits for."""
    repeat: int | None
    """How many turns of a loop the layer stands for, each of which takes as long; null for one."""


class Roofline(TypedDict):
    """The least time of each layer on a device: a bound, not a forecast."""

    device: str
    source: str
    """Of the two peaks."""
    precision: Precision
    flops_per_second: float
    bytes_per_second: float
    seconds: float
    """Of the whole forward pass."""
    layers: tuple[LayerBound, ...]
