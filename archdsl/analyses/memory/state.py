"""What a network's modules hold from one pass to the next."""

from __future__ import annotations

from typing import NamedTuple

from archdsl.ir import ITEM_SIZE, Flat


class StateBytes(NamedTuple):
    """Bytes of tensors that training changes, a shared instance once, and of all others."""

    parameters: int
    buffers: int


def state_of(flat: Flat, dtype: str = "float32") -> StateBytes:
    """What a network holds; `dtype` stands for float32 in one of another precision."""
    owners = (layer for layer in flat.layers if not layer.is_reuse)
    parameters = buffers = 0
    for o in owners:
        for t in o.node.state:
            size = o.times * t.numel * ITEM_SIZE[dtype if t.dtype == "float32" else t.dtype]
            if t.role == "parameter":
                parameters += size
            else:
                buffers += size
    return StateBytes(parameters, buffers)
