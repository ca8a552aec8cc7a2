"""The effective receptive field: where in the input the gradient of a unit really is (Luo et al. 2016, arXiv:1701.04128)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archdsl.analyses.receptive_field import first_map
from archdsl.analyses.weights import PathError
from archdsl.backends.pytorch.running.build import build
from archdsl.backends.pytorch.running.data import random_input, tensors
from archdsl.ir import Network

if TYPE_CHECKING:
    from torch import Tensor, nn

COVERED = 0.9545
"""A pixel counts whose gradient is more than 1 - 95.45 % of the largest: two standard deviations of a Gaussian."""


class EffectiveField(NamedTuple):
    """The middle unit of a layer, at random weights."""

    unit: tuple[int, ...]
    pixels: int
    """Those that count."""
    size: float
    """The side of a square, or of a cube, with as many."""
    samples: int


def effective_field(network: Network, path: str, samples: int = 10, seed: int = 0) -> EffectiveField:
    """Measures it towards the input that `receptive_field` tells of: the mean of the gradient's size over random weights and
    random inputs, summed over channels. Of several results it is that of all their units in the middle.

    Raises:
        PathError: no module of the code is called so, its units have no place, there is no input, or no gradient
            goes from it there.
        ValueError: the uses of a shared instance need different code.
    """
    import torch

    torch.manual_seed(seed)
    name = first_map(network)
    if not name:
        raise PathError("there is no input")
    place = network.inputs.index(name)
    if not network.input_types[place].is_float:
        raise PathError(f"`{name}` has no gradient: it holds {network.input_types[place].dtype}")
    mean: Tensor | None = None
    for _ in range(samples):
        inputs = [random_input(type.shape, type.dtype, 1, torch.device("cpu")) for type in network.input_types]
        image = inputs[place].requires_grad_()
        results = _results(build(network, "cpu").eval(), inputs, path)
        if any(result.dim() != image.dim() for result in results):
            raise PathError(f"units of `{path}` have no place on `{name}`")
        units = [_middle(result) for result in results]
        middle = [result[0].movedim(0, -1)[unit].sum() for result, unit in zip(results, units, strict=True)]
        zero = image.new_zeros((), requires_grad=True)  # with it results that have no gradient are no error
        (gradient,) = torch.autograd.grad(sum(middle, zero), image, allow_unused=True)
        if gradient is None:
            raise PathError(f"no gradient goes from `{path}` to `{name}`")
        size = gradient[0].abs().sum(0)
        mean = size if mean is None else mean + size
    assert mean is not None
    pixels = int((mean > (1 - COVERED) * mean.max()).sum())
    return EffectiveField(units[0], pixels, pixels ** (1 / mean.dim()), samples)


def _results(module: nn.Module, inputs: list[Tensor], path: str) -> list[Tensor]:
    """The results at the path in one run, taken before anything overwrites them. Raises `PathError`."""
    found: list[Tensor] = []
    part = dict(module.named_modules()).get(path)
    if part is None or not path:
        raise PathError(f"no part of the module is called `{path}`")
    part.register_forward_hook(lambda _, __, result: found.extend(each.clone() for each in tensors(result)))
    module(*inputs)
    return found


def _middle(result: Tensor) -> tuple[int, ...]:
    return tuple(n // 2 for n in result.shape[2:])
