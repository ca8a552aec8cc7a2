"""How fast a device could run each layer at best: the roofline of Williams, Waterman & Patterson 2009.

A layer takes at least the time to do its arithmetic at the device's peak, and at least the time to move its operands,
weights and results once between memory and chip. The longer of the two bounds it. Caches that keep a result for the
next layer, kernels below the peak and the time to launch them are not modelled: a real pass takes longer, except where
layers are fused.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from archdsl.analyses.options import OptionProblem
from archdsl.ir import Flat, Layer, TensorType

PeakPrecision = Literal["float32", "tf32", "bfloat16", "float16"]


Phase = Literal["forward", "again", "backward", "optimizer"]
"""`again`: second runs of what is checkpointed."""


class Device(NamedTuple):
    """Peak figures of a device, as its maker states them."""

    name: str
    flops: dict[PeakPrecision, float]
    """Floating-point operations a second, without sparsity."""
    bandwidth: float
    """Bytes a second."""
    memory: int | None
    """Bytes; None where a machine has as much as was put in."""
    source: str
    kernels: Literal["cpu", "cuda"] = "cuda"
    """Whose operators run: some keep other tensors on a GPU."""
    capability: int | None = None
    """The first number of a GPU's compute capability (NVIDIA, CUDA GPU Compute Capability)."""


DEVICES = {
    "h200": Device(
        "NVIDIA H200 SXM",
        {"float32": 67e12, "tf32": 494.7e12, "bfloat16": 989.4e12, "float16": 989.4e12},
        4.8e12,
        141 * 10**9,
        "NVIDIA H200 Tensor Core GPU datasheet, 2024; tensor cores without sparsity",
        capability=9,
    ),
    "a100": Device(
        "NVIDIA A100 80GB SXM",
        {"float32": 19.5e12, "tf32": 156e12, "bfloat16": 312e12, "float16": 312e12},
        2.039e12,
        80 * 10**9,
        "NVIDIA A100 Tensor Core GPU datasheet, 2021; tensor cores without sparsity",
        capability=8,
    ),
    "cpu": Device(
        "Intel Xeon Platinum 8480+",
        {"float32": 7.17e12, "bfloat16": 229e12},
        307.2e9,
        None,
        "Intel ARK: 56 cores at the base 2.0 GHz, two AVX-512 units, AMX, eight channels of DDR5-4800",
        "cpu",
    ),
}
GPU_MEMORY = {name: device.memory for name, device in DEVICES.items() if device.memory is not None}
"""Bytes of their memory, as their makers state it."""


class Bound(NamedTuple):
    """The least time that a layer takes for a batch in one phase."""

    layer: Layer
    flops: int
    bytes: int
    """In forward operands, weights and results, each moved once."""
    seconds: float
    by: Literal["arithmetic", "memory"]
    phase: Phase = "forward"

    def by_passes(self, count: int) -> Bound:
        """Of as many passes."""
        return self._replace(flops=count * self.flops, bytes=count * self.bytes, seconds=count * self.seconds)


class RooflineFacts(NamedTuple):
    """The bounds of a network's layers on a device, for a batch."""

    device: Device
    precision: PeakPrecision
    batch: int
    bounds: tuple[Bound, ...]

    @property
    def flops(self) -> int:
        return sum(b.flops * b.layer.times for b in self.bounds)

    @property
    def bytes(self) -> int:
        return sum(b.bytes * b.layer.times for b in self.bounds)

    @property
    def seconds(self) -> float:
        return sum(b.seconds * b.layer.times for b in self.bounds)

    @property
    def phases(self) -> dict[Phase, float]:
        """The seconds of each phase, in their order."""
        found: dict[Phase, float] = {}
        for bound in self.bounds:
            found[bound.phase] = found.get(bound.phase, 0.0) + bound.seconds * bound.layer.times
        return found


def roofline(flat: Flat, device: Device, precision: PeakPrecision = "float32", batch: int = 1) -> RooflineFacts:
    """The bound of every layer that moves anything, in order; views and what does nothing in inference are left out.

    A layer in turns of a loop that are alike is bounded once; it takes its time in each of them.

    Raises:
        ValueError: the device states no peak for the precision.
    """
    item_size(device, precision)
    found = (forward(layer, device, precision, batch) for layer in flat.layers)
    return RooflineFacts(device, precision, batch, tuple(bound for bound in found if bound is not None))


def forward(
    layer: Layer, device: Device, precision: PeakPrecision, batch: int, *, trains: bool = False, is_cut: bool = False
) -> Bound | None:
    """The bound of one layer; None where it moves nothing.

    Args:
        trains: whether what does nothing in inference works.
        is_cut: whether it stops before its last layer.
    """
    op, operands, results = layer.op, layer.operand_types, layer.result_types
    if op.is_view(*operands) or op.is_source or (op.is_identity_in_inference and not trains):
        return None
    item = item_size(device, precision)
    weights = sum(s.bytes * item // 4 for s in layer.node.state if not (is_cut and s.name in op.last_layer))
    total = weights + sum(moved(type, batch, item) for type in (operands if is_cut else (*operands, *results)))
    flops = 2 * op.macs(operands, results, is_cut=is_cut) * runs(layer, batch)
    return bound_of(layer, flops, total, device, precision)


def runs(layer: Layer, batch: int) -> int:
    """How often it does the work of one sample: once for a batch where no result has a batch axis."""
    return batch if any(type.batched for type in layer.result_types) else 1


def bound_of(layer: Layer, flops: int, bytes: int, device: Device, precision: PeakPrecision) -> Bound:
    """The longer of the times for so much arithmetic and so many bytes."""
    seconds = (flops / device.flops[precision], bytes / device.bandwidth)
    return Bound(layer, flops, bytes, max(seconds), "memory" if seconds[1] >= seconds[0] else "arithmetic")


def item_size(device: Device, precision: PeakPrecision) -> int:
    """Bytes of an element. Raises `OptionProblem` where the device states no peak for the precision."""
    if precision not in device.flops:
        raise OptionProblem("precision", f"is no {precision!r} on {device.name}: {', '.join(device.flops)}")
    return 2 if precision in ("bfloat16", "float16") else 4


def moved(type: TensorType, batch: int, item: int) -> int:
    """Bytes of a tensor whose elements, where they are no integers, have that many."""
    return type.bytes_for(batch) * item // 4 if type.is_float else type.bytes_for(batch)
