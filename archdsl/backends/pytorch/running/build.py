"""The network in memory: the module is made from the very text that `compile` writes."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Mapping, Sequence
from hashlib import sha256
from types import ModuleType
from typing import TYPE_CHECKING

from archdsl.analyses.options import OptionProblem
from archdsl.analyses.storage import StorageFacts
from archdsl.analyses.weights import COUNTER, weights
from archdsl.backends.pytorch.code.emit import check_inference, emit, source
from archdsl.ir import Network, check_unfolded

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


def build(
    network: Network,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    memory_format: torch.memory_format | None = None,
    facts: StorageFacts | None = None,
    *,
    checkpoint: Sequence[str] = (),
    init: str = "",
    inference: bool = False,
    formulas: Network | None = None,
) -> nn.Module:
    """The network as a PyTorch module in training mode, its weights as PyTorch starts them.

    The source is a Python module of its own, so tracebacks show its lines, and deepcopy and pickle work within the
    process.

    Args:
        device: where the weights are made; PyTorch's default device if not given. `meta` allocates nothing.
        dtype: the type of all floating-point weights; float32 if not given.
        memory_format: how the weights of four axes lie in memory, `torch.channels_last` say; in order if not given.
        facts: which operators run in place, if not those that `storage` decides on.
        checkpoint: paths of parts, `"layer*.*"`, that keep only their inputs for backward, which runs them again.
        init: how the weights start, one of `INITIALISERS`; as PyTorch starts them if not given.
        inference: the network for inference instead, in evaluation mode, with the same weights, folded.
        formulas: the same network with a formula for each size, where the spec leaves some open.

    Raises:
        OptionProblem: there is no such initialiser, or what is about training is asked for beside inference;
            `dtype` is of no floating-point numbers, or `memory_format` is for weights of other axes.
        PathError: no part with weights has one of the paths, or one is within another.
        ValueError: the uses of a shared instance need different code, or the network has too many operators.
    """
    import torch

    if inference:
        check_inference(checkpoint=checkpoint, init=init)
    if dtype is not None and not (isinstance(dtype, torch.dtype) and (dtype.is_floating_point or dtype.is_complex)):
        raise OptionProblem("dtype", f"is no {dtype!r}: a floating-point type, as torch.float16")
    check_unfolded(network)
    text, name, _ = source(network, facts, checkpoint, init, formulas=formulas)
    namespace = execute(text, name)
    with torch.device(device or torch.get_default_device()):
        module: nn.Module = getattr(namespace, name)()
        if inference:
            trained, module = module, getattr(_for_inference(network, formulas), name)().eval()
            module.load_state_dict(fold(network, trained.state_dict()))
    if dtype is not None:
        module = module.to(dtype=dtype)
    if memory_format is not None:
        axes = {torch.channels_last: 4, torch.channels_last_3d: 5}.get(memory_format, 0)
        if axes and any(tensor.dim() == 9 - axes for tensor in module.state_dict().values()):
            raise OptionProblem("memory_format", f"is {memory_format}, for weights of {axes} axes: there are others")
        module = module.to(memory_format=memory_format)  # type: ignore[call-overload]
    return module


def fold(network: Network, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of a network as those of the one for inference: what its generated file does in `fold`.

    Raises:
        ValueError: as for `build`. KeyError: weights of a layer or a batch norm are missing.
    """
    file = _for_inference(network)
    dropped = tuple(getattr(file, "DROPPED", ()))
    for name in weights(network):
        if name not in state and not name.endswith(COUNTER) and not f"{name}.".startswith(dropped):
            raise KeyError(name)
    found: dict[str, Tensor] = getattr(file, "fold", dict)(state)
    return found


def _for_inference(network: Network, formulas: Network | None = None) -> ModuleType:
    return execute(emit(network, inference=True, formulas=formulas), network.name)


def execute(source: str, name: str) -> ModuleType:
    """A Python module made from source, registered as imported ones are; equal sources are one module."""
    full_name = f"{__package__}.built.{name}_{sha256(source.encode()).hexdigest()[:12]}"
    known = sys.modules.get(full_name)
    if known is not None:
        return known
    namespace = ModuleType(full_name)
    namespace.__file__ = f"<{full_name}>"
    linecache.cache[namespace.__file__] = len(source), None, source.splitlines(keepends=True), namespace.__file__
    code = compile(source, namespace.__file__, "exec")
    sys.modules[full_name] = namespace
    try:
        exec(code, vars(namespace))
    except BaseException:  # half made, it would be what the next call finds
        del sys.modules[full_name]
        raise
    return namespace
