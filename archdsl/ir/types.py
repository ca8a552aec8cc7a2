"""Tensor types: a shape without the batch axis, and an element type."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

Shape = tuple[int, ...]

ITEM_SIZE = {"float32": 4, "float16": 2, "bfloat16": 2, "float64": 8, "int64": 8, "int32": 4, "bool": 1}
"""Bytes of one element, by element type. Names are PyTorch's."""


class TensorType(NamedTuple):
    """What is known of a value before anything runs. Shapes leave out the batch axis `N`."""

    shape: Shape
    dtype: str = "float32"
    batched: bool = True
    """Whether the batch axis stands before `shape`; a learned tensor has none."""

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def numel(self) -> int:
        """Elements of one sample."""
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """Bytes of one sample."""
        return prod(self.shape) * ITEM_SIZE[self.dtype]

    @property
    def channels(self) -> int:
        return self.shape[0]

    @property
    def sizes(self) -> Shape:
        """The spatial sizes: all axes but the first."""
        return self.shape[1:]

    @property
    def is_float(self) -> bool:
        return "float" in self.dtype

    def with_shape(self, shape: Shape) -> TensorType:
        return TensorType(shape, self.dtype, self.batched)

    def __str__(self) -> str:
        batch = "" if self.batched else "unbatched "
        dtype = "" if self.dtype == "float32" else f"{self.dtype} "
        return f"{batch}{dtype}{show_shape(self.shape)}"


def show_shape(shape: Shape) -> str:
    """A shape as the language writes it: `[64, 112, 112]`."""
    return f"[{', '.join(map(str, shape))}]"
