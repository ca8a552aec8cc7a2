"""The least time that a device needs for each layer, forwards or in a training step."""

from archdsl.analyses.roofline.roofline import (
    DEVICES,
    GPU_MEMORY,
    Bound,
    Device,
    PeakPrecision,
    Phase,
    RooflineFacts,
    roofline,
)
from archdsl.analyses.roofline.step import step_roofline

__all__ = [
    "DEVICES",
    "GPU_MEMORY",
    "Bound",
    "Device",
    "PeakPrecision",
    "Phase",
    "RooflineFacts",
    "roofline",
    "step_roofline",
]
