"""Running what was emitted: the module in memory is made from the very text that `compile` writes."""

from __future__ import annotations

import linecache
import sys
from hashlib import sha256
from time import perf_counter
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from archdsl.analyses.storage import StorageFacts
from archdsl.backends.pytorch.emit import write
from archdsl.backends.pytorch.plan import plan
from archdsl.ir import Network, TensorType

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


class Step(NamedTuple):
    """One training step that was run."""

    loss: float
    seconds: float
    device: str
    batch: int


def build(
    network: Network,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    facts: StorageFacts | None = None,
) -> nn.Module:
    """The network as a PyTorch module in training mode, its weights as PyTorch starts them.

    The source is a Python module of its own, so tracebacks show its lines, and deepcopy and pickle work within the
    process.

    Args:
        device: where the weights are made; PyTorch's default device if not given. `meta` allocates nothing.
        dtype: the type of all floating-point weights; float32 if not given.
        facts: which operators run in place, if not those that `storage` decides on.

    Raises:
        ValueError: the uses of a shared instance need different code.
    """
    import torch

    planned = plan(network, facts)
    namespace = _execute(write(planned), planned.class_name)
    with torch.device(device or torch.get_default_device()):
        module: nn.Module = getattr(namespace, planned.class_name)()
    return module.to(dtype=dtype) if dtype is not None else module


def step(network: Network, batch: int = 2, device: torch.device | str | None = None, seed: int = 0) -> Step:
    """Runs forward, backward and an update by SGD on random data.

    The loss is mean cross entropy over axis 0 of each output with more than one channel, else the mean squared error,
    against random targets; those of several outputs are added.

    Args:
        device: a GPU if there is one, else the CPU, if not given.
    """
    import torch

    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(seed)
    module = build(network, device)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.01)
    inputs = [_random(t, batch, device) for t in network.input_types]
    start = perf_counter()
    optimizer.zero_grad()
    loss = _loss(module(*inputs))
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    value = loss.item()  # waits for the device
    return Step(value, perf_counter() - start, _device_name(device), batch)


def _execute(source: str, name: str) -> ModuleType:
    """A Python module made from source, registered as imported ones are; equal sources are one module."""
    full_name = f"{__package__}.built.{name}_{sha256(source.encode()).hexdigest()[:12]}"
    known = sys.modules.get(full_name)
    if known is not None:
        return known
    namespace = ModuleType(full_name)
    namespace.__file__ = f"<{full_name}>"
    linecache.cache[namespace.__file__] = len(source), None, source.splitlines(keepends=True), namespace.__file__
    sys.modules[full_name] = namespace
    exec(compile(source, namespace.__file__, "exec"), vars(namespace))
    return namespace


def _random(type: TensorType, batch: int, device: torch.device | str) -> Tensor:
    """Random data: normal for floating-point types, 0 and 1 for the others, which are indices or masks."""
    import torch

    shape, dtype = (batch, *type.shape), getattr(torch, type.dtype)
    if type.is_float:
        return torch.randn(shape, dtype=dtype, device=device)
    return torch.randint(0, 2, shape, device=device).to(dtype)


def _loss(result: Tensor | tuple[Tensor, ...]) -> Tensor:
    import torch
    from torch.nn import functional

    outputs = (result,) if isinstance(result, torch.Tensor) else result
    losses = []
    for output in outputs:
        if output.dim() > 1 and output.shape[1] > 1:
            target = torch.randint(output.shape[1], (output.shape[0], *output.shape[2:]), device=output.device)
            losses.append(functional.cross_entropy(output, target))
        else:
            losses.append(functional.mse_loss(output, torch.rand_like(output)))
    return torch.stack(losses).sum()


def _device_name(device: torch.device | str) -> str:
    """`cpu`, or the name of the GPU."""
    import torch

    found = torch.device(device)
    return torch.cuda.get_device_name(found) if found.type == "cuda" else found.type
