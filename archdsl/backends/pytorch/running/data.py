"""What goes into a module and comes out of it, where nothing but shapes matters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def random_input(shape: tuple[int, ...], dtype: str, batch: int, device: torch.device) -> Tensor:
    """Normal numbers; for integers 0 and 1, which are indices or masks."""
    import torch

    if "float" in dtype:
        return torch.randn(batch, *shape, dtype=getattr(torch, dtype), device=device)
    return torch.randint(0, 2, (batch, *shape), dtype=getattr(torch, dtype), device=device)


def tensors(found: Any) -> Iterator[Tensor]:
    """The tensors of a result, without what exists only while training."""
    if found is None:
        return
    if hasattr(found, "untyped_storage"):
        yield found
        return
    for part in found:
        yield from tensors(part)
