"""A part that runs twice: generated code has this text, and `archdsl.checkpoint` runs it."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def recomputed(part: nn.Module, *inputs: Tensor) -> Any:
    """Runs a part that keeps only its inputs for backward, which runs it again; batch norms follow each batch once."""
    if torch.compiler.is_compiling():
        return checkpoint(part, *inputs, use_reentrant=False)
    return checkpoint(part, *inputs, use_reentrant=False, context_fn=lambda: (nullcontext(), unchanged_buffers(part)))


@contextmanager
def unchanged_buffers(part: nn.Module) -> Iterator[None]:
    before = [(buffer, buffer.clone()) for buffer in part.buffers()]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, kept in before:
                buffer.copy_(kept)
