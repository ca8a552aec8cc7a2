"""What is asked of a tensor: its shape, and the sizes of its axes by name."""

from __future__ import annotations

from typing import Any

from archdsl.elaborate.kinds import BAD_ARITHMETIC, CHANNELS_MOVED, KIND_MISMATCH, UNKNOWN_NAME
from archdsl.elaborate.problems import Fault
from archdsl.elaborate.values import Tensors, kind_of, show
from archdsl.source import Edit, Span, nearest


def tensor_attribute(value: Any, name: str, span: Span) -> Any:
    """`x.shape`, `x.channels` and the like. Raises `Fault`."""
    if not isinstance(value, Tensors) or len(value.values) != 1:
        is_item = isinstance(value, Tensors) and name.isdecimal()
        item = f"{span.text.removesuffix(name).rstrip('. ')}[{name}]"
        raise Fault(
            KIND_MISMATCH,
            f"`.{name}` is asked of a tensor, not of {kind_of(value)}",
            span,
            helps=(f"an item of a list is `{item}`",) if is_item else (),
            edit=Edit(span, item) if is_item else None,
        )
    shape = value.values[0].type.shape
    axes = {"channels": 0, "features": -1, "width": -1, "height": -2, "depth": -3}
    if name == "shape":
        return shape
    if name == "rank":
        return len(shape)
    if name not in axes:
        raise Fault.misnamed(
            UNKNOWN_NAME,
            f"a tensor has no `{name}`",
            Span(span.source, span.end - len(name), span.end),
            nearest(name, {*axes, "shape", "rank"}),
            helps=("it has shape, rank, channels, depth, height, width and features",),
        )
    moved = value.values[0].channels
    if moved and name != "features":
        raise Fault(
            CHANNELS_MOVED,
            f"`.{name}` counts on channels first, and those of this {show(shape)} are axis {moved}",
            span,
            show(shape),
            helps=("name the axis: " + ", ".join(f"`.shape[{a}]` is {n}" for a, n in enumerate(shape)),),
        )
    needed = {"depth": 4, "height": 3, "width": 2}.get(name, 1)
    if len(shape) < needed:
        raise Fault(BAD_ARITHMETIC, f"a tensor of shape {show(shape)} has no {name}", span, show(shape))
    return shape[axes[name]]
