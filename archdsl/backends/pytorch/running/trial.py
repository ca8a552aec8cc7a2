"""A network run for real on random data: forward passes, or steps of training, and what they hold in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from archdsl.analyses.memory import MIXED, LossName
from archdsl.backends.pytorch.running.allocations import MARK, peaks
from archdsl.backends.pytorch.running.build import build
from archdsl.backends.pytorch.running.data import random_input, tensors
from archdsl.backends.pytorch.running.measure import activation_peak, saved_bytes
from archdsl.backends.pytorch.running.tuning import parameter_groups
from archdsl.ir import Network, TensorType, flatten, unfold

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

PRECISIONS = ("float32", "float64", "bfloat16", "float16", *MIXED)
"""The type of all floating-point tensors, or under `torch.autocast` that of the operators which it lowers."""

OPTIMIZERS: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {"lr": 1e-2}),
    "momentum": ("SGD", {"lr": 1e-2, "momentum": 0.9}),
    "adam": ("Adam", {"lr": 1e-3}),
    "adamw": ("AdamW", {"lr": 1e-3}),
    "nesterov": ("SGD", {"lr": 1e-2, "momentum": 0.9, "nesterov": True}),
    "adam-amsgrad": ("Adam", {"lr": 1e-3, "amsgrad": True}),
    "adamw-amsgrad": ("AdamW", {"lr": 1e-3, "amsgrad": True}),
    "rmsprop": ("RMSprop", {"lr": 1e-2}),
    "rmsprop-momentum": ("RMSprop", {"lr": 1e-2, "momentum": 0.9}),
    "rmsprop-centered": ("RMSprop", {"lr": 1e-2, "centered": True}),
    "rmsprop-centered-momentum": ("RMSprop", {"lr": 1e-2, "centered": True, "momentum": 0.9}),
    "adagrad": ("Adagrad", {"lr": 1e-2}),
}
"""By name: the class in `torch.optim`, and its settings where they are not PyTorch's."""


class Setting(NamedTuple):
    """How a network is run."""

    batch: int = 1
    train: bool = False
    device: str = ""
    """As PyTorch names it; a GPU if there is one, else the CPU, if empty."""
    precision: str = "float32"
    memory_format: str = "contiguous_format"
    optimizer: str = "sgd"


class Step(NamedTuple):
    """One pass, or one step of training, that was run."""

    number: int
    seconds: float
    loss: float | None = None


class Measured(NamedTuple):
    """What the module holds, and what one pass through it gave and held. Bytes are those of tensors."""

    params: int
    """Elements of parameters; those that are for training only count while training."""
    trained: int
    """Of these, elements that are not frozen."""
    outputs: tuple[tuple[int, ...], ...]
    """Shapes without the batch axis."""
    held: int
    """Bytes of all parameters, buffers and inputs."""
    activations: int
    """While training the bytes that are kept for backward, else those of the peak beside `held`."""


class Trial:
    """A network on a device with random data.

    Raises:
        RuntimeError: PyTorch has no such device, or not enough memory on it.
        ValueError: the uses of a shared instance need different code.
    """

    def __init__(self, network: Network, setting: Setting, seed: int = 0) -> None:
        import torch

        self.setting = setting
        self.device = torch.device(setting.device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self._is_mixed = setting.precision in MIXED
        self._dtype: torch.dtype = getattr(torch, MIXED.get(setting.precision, setting.precision))
        dtype = torch.float32 if self._is_mixed else self._dtype
        memory_format: torch.memory_format = getattr(torch, setting.memory_format)
        torch.manual_seed(seed)
        self.module: nn.Module = build(network, self.device, dtype, memory_format).train(setting.train)
        self._used = _keys(network, setting.train)
        self.inputs = [_random(t, setting.batch, self.device, dtype, memory_format) for t in network.input_types]
        self._targets: list[Tensor] = []

    @property
    def device_name(self) -> str:
        """`cpu`, or the name of the GPU."""
        import torch

        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else self.device.type

    def measure(self) -> Measured:
        """Runs one pass, without an update, and looks at what it holds."""
        from torch import no_grad

        module, inputs = self.module, self.inputs
        with self._autocast():
            activations = (saved_bytes if self.setting.train else activation_peak)(module, *inputs)
        with self._autocast(), no_grad():
            outputs = tuple(tensors(module(*inputs)))
        parameters = [p for name, p in module.named_parameters() if name in self._used]
        return Measured(
            sum(p.numel() for p in parameters),
            sum(p.numel() for p in parameters if p.requires_grad),
            tuple(tuple(o.shape[1:]) for o in outputs),
            sum(t.nbytes for t in (*module.parameters(), *module.buffers(), *inputs)),
            activations,
        )

    def steps(self, count: int, lr: float | None = None, lr_of: Mapping[str, float] | None = None) -> Iterator[Step]:
        """Runs passes or, while training, steps: forward, backward and an update.

        The loss of each output is the mean of what `loss_name` says, against random targets, the same in all steps; those
        of several outputs are added.

        Args:
            lr: the learning rate; that of `OPTIMIZERS` if not given.
            lr_of: those of parts, as `parameter_groups` takes them.

        Raises:
            ValueError: there is nothing to train, or not what `lr_of` names.
        """
        run = self._training(lr, lr_of) if self.setting.train else self._forward
        for number in range(1, count + 1):
            self._wait()
            start = perf_counter()
            loss = run()
            self._wait()
            yield Step(number, perf_counter() - start, loss)

    def training_peak(self) -> int:
        """The most bytes of tensors alive in the second step of training, on a CPU. Weights are afterwards as before."""
        from torch.profiler import record_function

        module = self.module
        before = deepcopy(module.state_dict())
        step = self._training(None, None)

        def run() -> None:
            for number in (1, 2):
                with record_function(f"{MARK}{number}"):
                    step()

        found = peaks(run, sum(t.nbytes for t in (*module.parameters(), *module.buffers(), *self.inputs)))
        module.load_state_dict(before)
        module.zero_grad()
        return found["2"]

    def _forward(self) -> None:
        from torch import no_grad

        with self._autocast(), no_grad():
            self.module(*self.inputs)

    def _training(self, lr: float | None, lr_of: Mapping[str, float] | None) -> Callable[[], float]:
        import torch

        name, settings = OPTIMIZERS[self.setting.optimizer]
        groups = parameter_groups(self.module, settings["lr"] if lr is None else lr, lr_of)
        if not groups:
            raise ValueError("it has no parameter to train")
        optimizer = getattr(torch.optim, name)(groups, **settings)
        scaler = torch.amp.GradScaler(self.device.type, enabled=self.setting.precision == "fp16-mixed")

        def step() -> float:
            optimizer.zero_grad()
            with self._autocast():
                outputs = tuple(tensors(self.module(*self.inputs)))
                loss = self._loss(outputs)
            scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            scaler.step(optimizer)
            scaler.update()
            return loss.item()

        return step

    def _loss(self, outputs: tuple[Tensor, ...]) -> Tensor:
        import torch

        self._targets = self._targets or [_target(output.detach()) for output in outputs]
        losses = list(map(_error, outputs, self._targets))
        return losses[0] if len(losses) == 1 else torch.stack(losses).sum()

    def _autocast(self) -> AbstractContextManager[Any]:
        from torch import autocast

        return autocast(self.device.type, self._dtype) if self._is_mixed else nullcontext()

    def _wait(self) -> None:
        """Until a GPU has done what it was given."""
        import torch

        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def _keys(network: Network, training: bool) -> set[str]:
    """The names of its parameters and buffers, those that are for training only if asked for."""
    layers = flatten(unfold(network), training).layers
    return {s.key(layer.path) for layer in layers for s in layer.node.state}


def _random(
    type: TensorType, batch: int, device: torch.device, dtype: torch.dtype, memory_format: torch.memory_format
) -> Tensor:
    """A random input, its numbers of a type, and maps in a memory format."""
    data = random_input(type.shape, type.dtype, batch, device)
    if not type.is_float:
        return data
    data = data.to(dtype)
    return data.contiguous(memory_format=memory_format) if data.dim() == 4 else data


def loss_name(shape: Sequence[int]) -> LossName:
    """The loss of a result: cross entropy where axis 0 of a sample has several classes, else the squared error."""
    return "cross-entropy" if shape and shape[0] > 1 else "mse"


def _target(output: Tensor) -> Tensor:
    """Random classes, or numbers like the output's."""
    import torch

    if loss_name(output.shape[1:]) == "cross-entropy":
        return torch.randint(output.shape[1], (output.shape[0], *output.shape[2:]), device=output.device)
    return torch.rand_like(output)


def _error(output: Tensor, target: Tensor) -> Tensor:
    from torch.nn import functional

    return (functional.mse_loss if target.is_floating_point() else functional.cross_entropy)(output, target)
