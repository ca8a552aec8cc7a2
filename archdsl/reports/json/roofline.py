"""The part of the JSON document about the least time of each layer."""

from __future__ import annotations

from archdsl.analyses.roofline import RooflineFacts
from archdsl.reports.json import schema_roofline as schema


def roofline_data(facts: RooflineFacts) -> schema.Roofline:
    """All bounds of a device, in the order in which layers run."""
    bounds = (
        schema.LayerBound(
            path=b.layer.path,
            phase=b.phase,
            flops=b.flops,
            bytes=b.bytes,
            seconds=b.seconds,
            by=b.by,
            repeat=b.layer.times if b.layer.times > 1 else None,
        )
        for b in facts.bounds
    )
    return schema.Roofline(
        device=facts.device.name,
        source=facts.device.source,
        precision=facts.precision,
        flops_per_second=facts.device.flops[facts.precision],
        bytes_per_second=facts.device.bandwidth,
        seconds=facts.seconds,
        phases=facts.phases,
        layers=tuple(bounds),
    )
