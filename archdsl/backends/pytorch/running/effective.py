"""The effective receptive field: where in the input the gradient of a unit really is (Luo et al. 2016, arXiv:1701.04128)."""

from __future__ import annotations

from typing import NamedTuple

from archdsl.analyses.weights import PathError
from archdsl.backends.pytorch.running.build import build
from archdsl.ir import Network

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
    """Measures it: the mean of the gradient's size over random weights and random inputs, summed over channels.

    Raises:
        PathError: no module of the code is called so, or its units have no place.
        ValueError: the uses of a shared instance need different code.
    """
    import torch
    from torch import Tensor, nn

    def run(module: nn.Module) -> tuple[Tensor, Tensor]:
        """The input and the result at the path, taken before anything overwrites it."""
        found: list[Tensor] = []
        part = dict(module.named_modules()).get(path)
        if part is None or not path:
            raise PathError(f"no part of the module is called `{path}`")
        part.register_forward_hook(lambda _, __, result: found.append(result.clone()))
        inputs = [torch.randn(1, *type.shape, requires_grad=True) for type in network.input_types]
        module(*inputs)
        return inputs[0], found[0]

    torch.manual_seed(seed)
    mean: Tensor | None = None
    for _ in range(samples):
        image, result = run(build(network, "cpu").eval())
        if result.dim() != image.dim():
            raise PathError(f"units of `{path}` have no place on the input")
        unit = tuple(n // 2 for n in result.shape[2:])
        (gradient,) = torch.autograd.grad(result[0].movedim(0, -1)[unit].sum(), image)
        size = gradient[0].abs().sum(0)
        mean = size if mean is None else mean + size
    assert mean is not None
    pixels = int((mean > (1 - COVERED) * mean.max()).sum())
    return EffectiveField(unit, pixels, pixels ** (1 / mean.dim()), samples)
