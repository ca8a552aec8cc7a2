"""The part of the published schema that `--on DEVICE` fills."""

from __future__ import annotations

from typing import Literal, TypedDict

from archdsl.analyses.roofline import PeakPrecision, Phase


class LayerBound(TypedDict):
    """The least time of a layer for the batch."""

    path: str
    phase: Phase
    """`forward` alone, unless `--train` asks for a step; `again`: the second run of what is checkpointed."""
    flops: int
    bytes: int
    """In forward operands, weights and results, each moved once; the page on costs says what in the other phases."""
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
    precision: PeakPrecision
    flops_per_second: float
    bytes_per_second: float
    seconds: float
    """Of the whole forward pass, or of a training step."""
    phases: dict[Phase, float]
    """The seconds of each of its phases."""
    layers: tuple[LayerBound, ...]
