"""The roofline of a training step: forward, backward and the optimizer's step, each with the bytes that it moves at the least.

Backward of a layer reads the gradient of each result that something reads, what autograd kept for it (as PyTorch's
`derivatives.yaml` names it) and, where an operand wants a gradient, its weights; it writes the gradient of each operand that
wants one and of each parameter. Each of these is moved once. A gradient that is handed on as it came, through a sum or a
view, is not moved. Sums of gradients that meet, tensors on the way to a gradient and the loss are left out. Frozen parameters
have no gradient, and layers before the first one that is trained no backward; what is checkpointed runs forward again.

The optimizer reads a parameter, its gradient and its state, and writes the parameter and the state, as one fused kernel does
(`torch/optim/*.py`). Its arithmetic is elementwise, and no multiply-adds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence

from archdsl.analyses.cost import Wanted, wanted
from archdsl.analyses.memory import TrainingSettings, copies_kept
from archdsl.analyses.roofline.roofline import (
    Bound,
    Device,
    PeakPrecision,
    RooflineFacts,
    bound_of,
    forward,
    item_size,
    moved,
    runs,
)
from archdsl.ir import Derivative, Extra, Flat, Incoming, Node, Reader, TensorType

HANDED_ON = ("same", "view")
"""Gradients that are no tensors of their own."""


def step_roofline(
    flat: Flat,
    device: Device,
    precision: PeakPrecision,
    batch: int,
    settings: TrainingSettings,
    frozen: Container[str] = (),
    recomputed: Mapping[tuple[str, Node, bool], int] | None = None,
) -> RooflineFacts:
    """The bounds of every layer in each phase of a step.

    Args:
        flat: the network with the parts that exist only while training; of its outputs is the loss.
        frozen: the names of parameters that are not trained.
        recomputed: by path, and whether they stop before their last layer, how often operators run again in backward; those in
            turns of loops as often as there are turns.

    Raises:
        ValueError: the device states no peak for the precision.
    """
    item_size(device, precision)
    layers = list(wanted(flat, frozen))
    read = {*flat.outputs, *(number for each in layers for number in each.layer.operands)}
    passes = [bound for each in layers if (bound := forward(each.layer, device, precision, batch, trains=True))]
    passes += [*_again(passes, recomputed or {}, device, precision, batch)]
    passes += [
        bound for each in reversed(layers) if (bound := _backward(each, read, device, precision, batch)) is not None
    ]
    bounds = (bound.by_passes(settings.accumulate) for bound in passes)
    return RooflineFacts(device, precision, batch, (*bounds, *_optimizer(layers, device, precision, settings)))


def _again(
    passes: Sequence[Bound],
    recomputed: Mapping[tuple[str, Node, bool], int],
    device: Device,
    precision: PeakPrecision,
    batch: int,
) -> Iterator[Bound]:
    """The second runs of what has run forward; a part in a part runs a third time.

    Uses of a shared instance are one place, whose runs are dealt out to them.
    """
    uses = Counter[tuple[str, Node]]()
    for bound in passes:
        uses[bound.layer.path, bound.layer.node] += bound.layer.times
    left = dict(recomputed)
    for bound in passes:
        layer = bound.layer
        place = layer.path, layer.node
        for is_cut in (False, True):
            again = left.get((*place, is_cut), 0) // uses[place]
            run = forward(layer, device, precision, batch, trains=True, is_cut=is_cut) if again else None
            if run is not None:
                left[*place, is_cut] -= again * layer.times
                yield run.by_passes(again)._replace(phase="again")
        uses[place] -= layer.times


def _backward(
    gradients: Wanted, read: Container[int], device: Device, precision: PeakPrecision, batch: int
) -> Bound | None:
    """None for a layer that makes no gradient of its own."""
    layer, needs, trained = gradients
    operands, results = layer.operand_types, layer.result_types
    op = layer.op if device.kernels == "cpu" else layer.op.on_cuda(*operands)
    wants = any(op.read(needs))
    if op.is_source or op.is_view(*operands) or not (wants or trained):
        return None
    item = item_size(device, precision)
    handed_on = _handed_on(op.backward(operands, results, Incoming(results[0], batch == 1)))
    pairs = enumerate(zip(operands, needs, strict=True))
    made = [type for i, (type, need) in pairs if need and f"x{i}" not in handed_on]
    if not (made or trained):
        return None
    incoming = [type for number, type in zip(layer.results, results, strict=True) if number in read and type.is_float]
    saved = op.saved(operands, results)

    def is_wanted(reader: Reader) -> bool:
        return any(s.name == reader for s in trained) if isinstance(reader, str) else needs[reader]

    kept = [operands[i] for i in dict.fromkeys(saved.operands_for(len(operands), is_wanted))]
    kept += [results[i] for i in saved.kept_results if saved.result]
    own = (s for s in layer.node.state if s.role == "parameter" and "bias" not in s.name)
    weights = sum(s.bytes * item // 4 for s in own if wants)
    total = weights + sum(s.bytes * item // 4 for s in trained)
    total += sum(moved(type, batch, item) for type in (*incoming, *kept, *made))
    total += sum(_bytes(extra, batch, item) for extra in saved.extras_for(is_wanted))
    return bound_of(layer, 2 * gradients.macs * runs(layer, batch), total, device, precision)._replace(phase="backward")


def _handed_on(derivatives: Sequence[Derivative]) -> set[str]:
    """The gradients that are one that came in, or a view of it; of those on the way to others, too."""
    gives = {gradient.of for d in derivatives for gradient in d.gives}
    found: set[str] = set()
    for d in derivatives:
        if all(name in found or name not in gives for name in d.takes):
            found.update(gradient.of for gradient in d.gives if gradient.how in HANDED_ON)
    return found


def _bytes(extra: Extra, batch: int, item: int) -> int:
    type = TensorType(extra.shape, extra.dtype, extra.batched)
    return 0 if extra.in_batches and batch == 1 else moved(type, batch, 4 if extra.is_float32 else item)


def _optimizer(
    layers: Sequence[Wanted], device: Device, precision: PeakPrecision, settings: TrainingSettings
) -> Iterator[Bound]:
    """The gradient and, read and written, the parameter and what is kept for it; in float32 where only operators run lower."""
    item = 4 if settings.is_mixed else item_size(device, precision)
    trips = 3 + 2 * copies_kept(settings)
    for layer, _, trained in layers:
        size = sum(s.bytes for s in trained)
        if size and not layer.is_reuse:
            yield bound_of(layer, 0, trips * (size * item // 4), device, precision)._replace(phase="optimizer")
