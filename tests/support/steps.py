"""Real training steps on the CPU, measured by the events of PyTorch's allocator."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.profiler import record_function

from archdsl.analyses import Facts
from archdsl.analyses.memory import TrainingSettings
from archdsl.analyses.weights import selected
from archdsl.backends.pytorch import OPTIMIZERS, build, checkpoint
from archdsl.backends.pytorch.running.allocations import MARK, peaks
from archdsl.ir import Network


def inputs(network: Network, batch: int) -> list[Tensor]:
    """Random data; integers are 0 or 1."""
    return [
        torch.randn(batch, *t.shape).to(getattr(torch, t.dtype))
        if t.is_float
        else torch.randint(0, 2, (batch, *t.shape), dtype=getattr(torch, t.dtype))
        for t in network.input_types
    ]


def optimizer_of(settings: TrainingSettings, parameters: Sequence[nn.Parameter]) -> torch.optim.Optimizer:
    """PyTorch's optimizer for the settings."""
    name, own = OPTIMIZERS[settings.optimizer]
    how = {"fused": True} if settings.implementation == "fused" else {"foreach": settings.implementation == "foreach"}
    decay = {"weight_decay": 1e-4 if settings.weight_decay else 0.0}
    found: torch.optim.Optimizer = getattr(torch.optim, name)(parameters, **own, **how, **decay)
    return found


def loss_of(settings: TrainingSettings, output: Tensor, target: Tensor | None) -> Tensor:
    if target is None:
        return output.sum()
    function = nn.functional.mse_loss if target.is_floating_point() else nn.functional.cross_entropy
    return function(output, target)


def measured(network: Network, batch: int, settings: TrainingSettings, *, is_written: bool = False) -> dict[str, int]:
    """The peaks of forward (with the loss), backward and optimizer in the second step, everything held included.

    Args:
        is_written: whether the source does the checkpointing, and not `archdsl.checkpoint`.
    """
    written, made = (settings.checkpoint, ()) if is_written else ((), settings.checkpoint)
    module = build(network, checkpoint=written)
    checkpoint(module, *made)
    return measured_of(module, network, batch, settings)


def measured_of(module: nn.Module, network: Network, batch: int, settings: TrainingSettings) -> dict[str, int]:
    """The same of a module that is there, for the inputs and the target of a network."""
    dtype = getattr(torch, settings.parameter_dtype)
    lower = getattr(torch, settings.dtype)
    module = module.train().to(dtype)
    data = [tensor.to(dtype) if tensor.dtype == torch.float32 else tensor for tensor in inputs(network, batch)]
    parameters = dict(module.named_parameters())
    for name in selected(list(module.state_dict()), settings.freeze):
        if name in parameters:
            parameters[name].requires_grad_(False)
    trained = [p for p in module.parameters() if p.requires_grad]
    optimizer = optimizer_of(settings, trained)
    target = target_of(network, batch, settings)

    def forward_and_backward(number: int, *, is_first: bool, is_last: bool) -> None:
        with record_function(f"{MARK}forward {number}"), torch.autocast("cpu", lower, enabled=settings.is_mixed):
            output = module(*data)
            loss = loss_of(settings, output if isinstance(output, Tensor) else output[0], target)
        if settings.zero_grad == "late" and is_first:
            optimizer.zero_grad()
        with record_function(f"{MARK}backward {number}"):
            loss.backward()
        if is_last:  # the result and the loss are still there
            with record_function(f"{MARK}optimizer {number}"):
                optimizer.step()

    def two_steps() -> None:
        for number in (1, 2):
            if settings.zero_grad == "early":
                optimizer.zero_grad()
            for done in range(settings.accumulate):
                forward_and_backward(number, is_first=not done, is_last=done == settings.accumulate - 1)

    state = [t for own in optimizer.state.values() for t in own.values()]  # Adagrad has it from the beginning
    held = [*module.parameters(), *module.buffers(), *data, *state, *(() if target is None else (target,))]
    found = peaks(two_steps, sum(tensor.nbytes for tensor in held))
    return {phase: found[f"{phase} 2"] for phase in ("forward", "backward", "optimizer")}


def predicted(network: Network, batch: int, settings: TrainingSettings) -> dict[str, int]:
    """The same as the analysis tells it; a phase in which nothing is made counts as 0."""
    facts = Facts(network, batch).training(settings)
    forward = max(facts.phase_peak("forward"), facts.phase_peak("loss"))
    optimizer = facts.phase_peak("optimizer") if facts.optimizer_temporary else 0
    return {"forward": forward, "backward": facts.phase_peak("backward"), "optimizer": optimizer}


def target_of(network: Network, batch: int, settings: TrainingSettings) -> Tensor | None:
    logits = network.outputs[network.main_output].value.type
    if settings.loss == "none":
        return None
    if settings.loss == "mse" or not logits.shape:
        dtype = settings.parameter_dtype if logits.dtype == "float32" else logits.dtype
        return torch.zeros(*(batch,) * logits.batched, *logits.shape, dtype=getattr(torch, dtype))
    return torch.zeros(batch, *logits.sizes, dtype=torch.int64)
