"""Receptive fields beside the support of real gradients: which pixels change a unit when the compiled module runs.

A gradient shows what a unit reads only where no operator on the way stops it. So weights are positive, maxima are
averages of the same windows, and activations that are flat somewhere hand their operand on.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from math import ceil
from typing import TYPE_CHECKING, Any

from archdsl.analyses import Facts
from archdsl.backends.pytorch.running.data import tensors
from archdsl.backends.pytorch.verify.compare import Difference, Outcome
from archdsl.backends.pytorch.verify.observe import Subject
from archdsl.ir import Axes, Flat

if TYPE_CHECKING:
    from torch import Tensor, nn

FLAT = {"relu", "relu_", "relu6", "hardtanh", "hardsigmoid", "hardswish", "leaky_relu", "elu", "selu", "prelu"}
"""Functions that have places without a slope, or with slopes that may cancel."""

MAPS_LIMIT = 16
"""Maps that are compared, evenly chosen in the order of the run; each costs a backward pass for every unit."""

Rows = tuple[tuple[int, int], ...]
"""For each axis of the input the first row that is read, and the last."""


def fields(facts: Facts, subject: Subject, batch: int) -> Outcome:
    """The fields of a unit in the middle and of one in a corner, of modules that give maps.

    A field has to enclose the support of the gradient. Where windows alone lie on the way and none of them reaches
    beyond the input, it has to be the support itself.
    """
    told = facts.fields
    if len(told.type.sizes) != 2 or not told.type.is_float:
        return Outcome("0 units", gap="the input has no rows and columns")
    index = facts.network.inputs.index(told.input)
    inputs = [x[:1].double().abs() if x.is_floating_point() else x[:1] for x in subject.inputs]
    image = inputs[index].requires_grad_()
    has_windows_alone = _has_windows_alone(facts.flat)
    differences: list[Difference] = []
    compared = 0
    results = _results(_positive(deepcopy(subject.module)), inputs)
    first = {path: facts.flat.types[values[0]] for path, values in facts.flat.paths.items() if values}
    maps = [path for path in results if path in first and first[path].batched]
    for path in maps[:: -max(ceil(len(maps) / MAPS_LIMIT), 1)]:
        result = results[path]
        for unit in _units(result):
            rows = told.unit(path, unit)
            real = _support(result, unit, image)
            if rows is None or real is None:
                continue
            compared += 1
            known = tuple((r.first, r.last) for r in rows)
            if not _agree(known, real, tuple(image.shape[2:]), has_windows_alone):
                differences.append(Difference(path, f"unit {unit} reads {_shown(known)}", f"reads {_shown(real)}"))
    return Outcome(f"{compared} units", tuple(differences))


def _has_windows_alone(flat: Flat) -> bool:
    """Whether no operator enlarges maps, cuts them or moves their axes, and none takes maxima far apart."""
    moved = any(isinstance(x.op.reach(*x.operand_types), Axes) for x in flat.layers)
    pools = (x.op.attributes.get("dilation", 1) for x in flat.layers if x.op.category == "pool")
    return not moved and all({d} <= {1, (1,), (1, 1)} for d in pools)


def _positive(module: nn.Module) -> nn.Module:
    """The module in double precision with weights near 1 / fan-in and without biases, as inference runs it."""
    import torch

    with torch.no_grad():
        for parameter in module.double().parameters():
            if parameter.dim() < 2:
                parameter.fill_(1.0)
            else:
                parameter.uniform_(0.5, 1.5).div_(parameter[0].numel())
    return module.eval()


def _results(module: nn.Module, inputs: list[Tensor]) -> dict[str, Tensor]:
    """The maps that each module gives when it first runs, before anything overwrites them."""
    from torch.nn import functional
    from torch.overrides import TorchFunctionMode

    class Smooth(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            name, kwargs = getattr(func, "__name__", ""), kwargs or {}
            if name in FLAT:
                return args[0] * 1
            if name == "maximum":
                return args[0] + args[1]
            if name == "max_pool2d" and kwargs.get("dilation", 1) in (1, (1, 1)):
                taken = {k: kwargs[k] for k in ("stride", "padding", "ceil_mode") if k in kwargs}
                return functional.avg_pool2d(*args, **taken)
            return func(*args, **kwargs)

    found: dict[str, Tensor] = {}

    def note(path: str) -> Any:
        def hook(_module: Any, _inputs: Any, results: Any) -> None:
            first = next(tensors(results), None)
            if first is not None and first.dim() == 4 and first.grad_fn is not None and path not in found:
                found[path] = first.clone()

        return hook

    hooks = [child.register_forward_hook(note(path)) for path, child in module.named_modules() if path]
    with Smooth():
        module(*inputs)
    for hook in hooks:
        hook.remove()
    return found


def _units(result: Tensor) -> Iterable[tuple[int, int]]:
    height, width = result.shape[2:]
    return {(height // 2, width // 2), (0, width - 1)}


def _support(result: Tensor, unit: tuple[int, int], image: Tensor) -> Rows | None:
    """The rows and columns between the outermost pixels that change a unit; None where none does."""
    from torch.autograd import grad

    (gradient,) = grad(result[0, :, unit[0], unit[1]].sum(), image, retain_graph=True, allow_unused=True)
    if gradient is None or not (hit := (gradient[0] != 0).any(0)).any():
        return None
    places = [hit.any(axis).nonzero().flatten() for axis in (1, 0)]
    return tuple((int(p[0]), int(p[-1])) for p in places)


def _agree(known: Rows, real: Rows, sizes: tuple[int, ...], has_windows_alone: bool) -> bool:
    pairs = list(zip(known, real, sizes, strict=True))
    if has_windows_alone and all(first >= 0 and last < n for (first, last), _, n in pairs):
        return known == real
    return all(first <= low and high <= last for (first, last), (low, high), _ in pairs)


def _shown(rows: Rows) -> str:
    return ", ".join(f"{axis} {low}..{high}" for axis, (low, high) in zip(("rows", "columns"), rows, strict=True))
