"""Activation checkpointing: parts of a module keep only their inputs for backward, which runs them again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from archdsl.analyses.weights import PathError, begins_with, matches, no_part, not_found, paths_of
from archdsl.backends.pytorch.code.checkpointing import RECOMPUTED
from archdsl.backends.pytorch.code.emit import source_of
from archdsl.backends.pytorch.running.build import execute

if TYPE_CHECKING:
    from torch import Tensor, nn


def checkpoint(module: nn.Module, *paths: str) -> None:
    """Makes parts of a module keep only their inputs for backward (Chen et al. 2016, arXiv:1604.06174).

    Outputs, gradients and running statistics are the same as without. It is PyTorch's checkpointing without reentry. Parts
    without weights are left alone: an activation that runs in place could not run twice.

    Args:
        paths: paths, which may have wildcards: `"layer*.*"` is every block of a ResNet, each on its own.

    Raises:
        PathError: the module has no part at one of the paths.
    """
    parts = _parts(module)
    for path in paths:
        if not any(matches(name, path) for name in parts):
            raise PathError(_why(path, module, parts))
    for name, part in parts.items():
        if any(matches(name, path) for path in paths) and any(True for _ in part.parameters()):
            _recompute(part)


def _parts(module: nn.Module) -> dict[str, nn.Module]:
    """The modules that are called: not those of which attention, or a layer whose weight is made, takes the weights."""
    from torch.nn import MultiheadAttention
    from torch.nn.utils.parametrize import is_parametrized

    parts = {name: part for name, part in module.named_modules() if name}
    whole = tuple(f"{n}." for n, part in parts.items() if isinstance(part, MultiheadAttention) or is_parametrized(part))
    return {name: part for name, part in parts.items() if not name.startswith(whole)}


def _why(path: str, module: nn.Module, parts: Collection[str]) -> str:
    """Why a pattern names none of the parts."""
    names = [name for name, _ in module.named_parameters()]
    for name in names:
        if begins_with(name, path):
            return no_part(path, next((around for around in reversed(paths_of(name)) if around in parts), ""))
    return not_found(path, names)


_LOADED: dict[str, Any] = {}
"""What generated code calls, once it is made: a compiled step could not make it."""


def _recompute(part: nn.Module) -> None:
    _recomputed()
    part.forward = partial(_run_twice, part, part.forward)


def _recomputed() -> Any:
    name = RECOMPUTED.name
    if name not in _LOADED:
        _LOADED[name] = getattr(execute(source_of(RECOMPUTED), name), name)
    return _LOADED[name]


def _run_twice(part: nn.Module, forward: Callable[..., Any], *inputs: Any, **named: Any) -> Any:
    return _recomputed()(_Original(part.buffers, partial(forward, **named)), *inputs)


class _Original(NamedTuple):
    """A part as it was before it ran twice, as far as that needs it."""

    buffers: Callable[[], Iterator[Tensor]]
    forward: Callable[..., Any]

    def __call__(self, *inputs: Any) -> Any:
        return self.forward(*inputs)
