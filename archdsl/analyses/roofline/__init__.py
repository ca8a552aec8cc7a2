"""The least time that a device needs for each layer."""

from archdsl.analyses.roofline.roofline import DEVICES, Bound, Device, Precision, RooflineFacts, roofline

__all__ = ["DEVICES", "Bound", "Device", "Precision", "RooflineFacts", "roofline"]
