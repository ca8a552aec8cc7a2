"""Activation checkpointing: parts of a module keep only their inputs for backward, which runs them again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from archdsl.analyses.weights import PathError, matches

if TYPE_CHECKING:
    from torch import nn


def checkpoint(module: nn.Module, *paths: str) -> None:
    """Makes parts of a module keep only their inputs for backward (Chen et al. 2016, arXiv:1604.06174).

    Outputs, gradients and running statistics are the same as without. It is PyTorch's checkpointing without reentry. Parts
    without weights are left alone: an activation that runs in place could not run twice.

    Args:
        paths: paths, which may have wildcards: `"layer*.*"` is every block of a ResNet, each on its own.

    Raises:
        PathError: the module has no part at one of the paths.
    """
    parts = dict(module.named_modules())
    for path in paths:
        found = [part for name, part in parts.items() if name and matches(name, path)]
        if not found:
            raise PathError(f"no part of the module is called `{path}`")
        for part in found:
            if any(True for _ in part.parameters()):
                _recompute(part)


def _recompute(part: nn.Module) -> None:
    part.forward = partial(_run_twice, part, part.forward)


def _run_twice(part: nn.Module, forward: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    from torch.compiler import is_compiling
    from torch.utils.checkpoint import checkpoint as recomputed

    if is_compiling():  # a compiled graph writes to buffers once
        return recomputed(forward, *arguments, use_reentrant=False, **named)
    return recomputed(forward, *arguments, use_reentrant=False, context_fn=partial(_contexts, part), **named)


def _contexts(part: nn.Module) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """What stands around the first run, and around the second."""
    return nullcontext(), _unchanged(part)


@contextmanager
def _unchanged(part: nn.Module) -> Iterator[None]:
    """A batch norm that runs twice would follow the batch twice."""
    from torch import no_grad

    before = [(buffer, buffer.clone()) for buffer in part.buffers()]
    try:
        yield
    finally:
        with no_grad():
            for buffer, kept in before:
                buffer.copy_(kept)
