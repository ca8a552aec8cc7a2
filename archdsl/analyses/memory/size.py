"""Sizes that grow with the batch, and what memory has to know about storage."""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Literal, NamedTuple, Protocol

from archdsl.ir import ITEM_SIZE, Extra, Node, State, TensorType


class Size(NamedTuple):
    """Bytes as `fixed + per_sample * N`."""

    fixed: int = 0
    per_sample: int = 0

    def at(self, batch: int) -> int:
        return self.fixed + self.per_sample * batch

    def by(self, times: int) -> Size:
        return Size(self.fixed * times, self.per_sample * times)

    def plus(self, other: Size) -> Size:
        return Size(self.fixed + other.fixed, self.per_sample + other.per_sample)

    def minus(self, other: Size) -> Size:
        return Size(self.fixed - other.fixed, self.per_sample - other.per_sample)


class Storage(Protocol):
    """Which results are in the storage of an operand (`archdsl.analyses.storage`)."""

    @property
    def in_place(self) -> Set[Node]:
        """The operators that overwrite their first operand."""

    def shared_operand(self, node: Node) -> int | None:
        """The operand whose storage an operator's results are in, None where they have their own."""


def total(sizes: Iterable[Size]) -> Size:
    fixed = per_sample = 0
    for size in sizes:
        fixed += size.fixed
        per_sample += size.per_sample
    return Size(fixed, per_sample)


def highest(sizes: Iterable[Size], least: int = 0) -> tuple[Size, ...]:
    """Those that are the highest at some batch from `least` on, in the order in which they are.

    >>> highest([Size(3, 1), Size(2, 1), Size(0, 2)])
    (Size(fixed=3, per_sample=1), Size(fixed=0, per_sample=2))
    """
    found: list[tuple[int, Size]] = []
    for size in sorted(set(sizes), reverse=True):
        if found and size.per_sample <= found[-1][1].per_sample:  # nowhere higher
            continue
        while found and size.at(found[-1][0]) >= found[-1][1].at(found[-1][0]):
            found.pop()
        found.append((_meeting(found[-1][1], size) if found else least, size))
    return tuple(size for _, size in found)


def _meeting(size: Size, steeper: Size) -> int:
    """The first batch at which the steeper one is as high."""
    return -((steeper.fixed - size.fixed) // (steeper.per_sample - size.per_sample))


FloatType = Literal["float32", "bfloat16", "float16"]
"""What a network may be in as a whole: the type of its parameters, buffers and values of floating point."""


class Stands(NamedTuple):
    """What stands for float32 in a network of another precision: for values, which have a batch axis, and for all else."""

    values: str = "float32"
    parameters: str = "float32"


FLOAT32 = Stands()
PAGE = 4096
"""Bytes that oneDNN rounds the parts of a workspace up to."""


def of_type(type: TensorType, stands: Stands = FLOAT32) -> Size:
    """The size of a tensor."""
    dtype = type.dtype if type.dtype != "float32" else stands.values if type.batched else stands.parameters
    bytes = type.numel * ITEM_SIZE[dtype]
    return Size(0, bytes) if type.batched else Size(bytes)


def of_extra(extra: Extra, batch: int, stands: Stands = FLOAT32) -> Size:
    """The size of a further tensor, none where only several samples need it and there is one; in pages that of this batch."""
    if extra.in_batches and batch == 1:
        return Size()
    if extra.is_float32:
        stands = FLOAT32
    elif extra.has_type_of_weights:
        stands = Stands(stands.parameters, stands.parameters)
    size = of_type(TensorType(extra.shape, extra.dtype, extra.batched), stands)
    if not extra.in_pages:
        return size
    return size.plus(Size(-size.at(batch) % PAGE))


def of_state(state: State, dtype: str) -> Size:
    """Of a tensor that an operator owns, in a network of some type."""
    return Size(state.numel * ITEM_SIZE[dtype if state.dtype == "float32" else state.dtype])


def touched(node: Node, dtype: str) -> Size:
    """What an operator reads, its weights and what it makes, in some precision."""
    weights = (TensorType(s.shape, batched=False) for s in node.state)
    return total(of_type(t, Stands(dtype, dtype)) for t in (*node.operand_types, *node.result_types, *weights))
