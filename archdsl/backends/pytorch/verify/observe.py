"""What PyTorch says of a network: the compiled module is run, and hooks and counters tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from archdsl.backends.pytorch.running.build import build
from archdsl.backends.pytorch.running.data import random_input, tensors
from archdsl.backends.pytorch.running.measure import activation_peak, saved_bytes
from archdsl.ir import Network

if TYPE_CHECKING:
    from torch import Tensor, nn

Described = tuple[str, ...]
"""Tensors as one reads them, `float32 [2, 64, 56, 56]`, the batch among the sizes."""


class Pass(NamedTuple):
    """One pass through a module."""

    outputs: Described
    results: dict[str, list[Described]]
    """Of every module by its path: what each of its runs gave."""
    flops: dict[str, int]
    """By the path of a module, those of the modules in it among them; of the whole under the empty path."""


class Subject:
    """A network as a PyTorch module on a device, with random inputs.

    Raises:
        RuntimeError: PyTorch has no such device, or not enough memory on it.
        ValueError: the uses of a shared instance need different code.
    """

    def __init__(self, network: Network, device: str, batch: int) -> None:
        import torch

        torch.manual_seed(0)
        self.network = network
        self.module: nn.Module = build(network, device)
        self.is_meta = torch.device(device).type == "meta"
        self.inputs = [random_input(t.shape, t.dtype, batch, torch.device(device)) for t in network.input_types]
        self._passes: dict[bool, Pass] = {}

    def state(self) -> list[str]:
        """The `state_dict` in its order, a line for each tensor."""
        parameters = {name for name, _ in self.module.named_parameters()}
        return [
            f"{key}: {describe(tensor)} {'parameter' if key in parameters else 'buffer'}"
            for key, tensor in self.module.state_dict().items()
        ]

    def run(self, *, training: bool) -> Pass:
        """A pass with hooks on all modules, the same one for all who ask."""
        if training not in self._passes:
            self._passes[training] = self._run(training=training)
        return self._passes[training]

    def _run(self, *, training: bool) -> Pass:
        from torch import no_grad
        from torch.utils.flop_counter import FlopCounterMode

        results: dict[str, list[Described]] = defaultdict(list)

        def note(path: str) -> Callable[[Any, Any, Any], None]:
            return lambda _module, _inputs, found: results[path].append(tuple(map(describe, tensors(found))))

        hooks = [child.register_forward_hook(note(path)) for path, child in self._parts()]
        try:
            # The counter follows gradients where a parameter's view is a result, even if none are kept.
            self.module.requires_grad_(False)
            with no_grad(), FlopCounterMode(display=False) as counter:
                found = self.module.train(training)(*self.inputs)
        finally:
            self.module.requires_grad_(True)
            for hook in hooks:
                hook.remove()
        flops = {_path(name): sum(counts.values()) for name, counts in counter.get_flop_counts().items()}
        return Pass(tuple(map(describe, tensors(found))), dict(results), {**flops, "": counter.get_total_flops()})

    def _parts(self) -> Iterator[tuple[str, nn.Module]]:
        """The modules within by path, without those with which PyTorch makes a weight anew."""
        from torch.nn.utils.parametrize import ParametrizationList

        makers: set[int] = set()
        for path, part in self.module.named_modules():
            if isinstance(part, ParametrizationList):
                makers.update(map(id, part.modules()))
            elif path and id(part) not in makers:
                yield path, part

    def saved_bytes(self) -> int:
        return saved_bytes(self.module.train(), *self.inputs)

    def activation_peak(self) -> int:
        return activation_peak(self.module.eval(), *self.inputs)


def describe(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"


def _path(name: str) -> str:
    """`ResNet50.layer1.0` -> `layer1.0`; the counter puts the class of the whole module in front."""
    return name.partition(".")[2]
