"""Sizes that grow with the batch, and what memory has to know about storage."""

from __future__ import annotations

from collections.abc import Set
from typing import NamedTuple, Protocol

from archdsl.ir import ITEM_SIZE, Extra, Node, TensorType


class Size(NamedTuple):
    """Bytes as `fixed + per_sample * N`."""

    fixed: int = 0
    per_sample: int = 0

    def at(self, batch: int) -> int:
        return self.fixed + self.per_sample * batch

    def plus(self, other: Size) -> Size:
        return Size(self.fixed + other.fixed, self.per_sample + other.per_sample)


class Storage(Protocol):
    """Which results are in the storage of an operand (`archdsl.analyses.storage`)."""

    @property
    def in_place(self) -> Set[Node]:
        """The operators that overwrite their first operand."""

    def shared_operand(self, node: Node) -> int | None:
        """The operand whose storage an operator's results are in, None where they have their own."""


def of_type(type: TensorType) -> Size:
    return Size(0, type.bytes) if type.batched else Size(type.bytes)


def of_extra(extra: Extra, batch: int) -> Size:
    """The size of a further tensor, none where only several samples need it and there is one."""
    if extra.in_batches and batch == 1:
        return Size()
    bytes = TensorType(extra.shape, extra.dtype).numel * ITEM_SIZE[extra.dtype]
    return Size(0, bytes) if extra.batched else Size(bytes)
