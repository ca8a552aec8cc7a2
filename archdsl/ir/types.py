"""Tensor types: a shape without the batch axis, an element type, and where the elements lie."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from archdsl.ir.strides import (
    BATCH,
    CHANNELS_LAST,
    at_one,
    broadcast,
    contiguous,
    elementwise,
    in_order,
    is_channels_last,
    is_contiguous,
    is_dense,
    is_packed,
    view,
)

Shape = tuple[int, ...]

ITEM_SIZE = {"float32": 4, "float16": 2, "bfloat16": 2, "float64": 8, "int64": 8, "int32": 4, "bool": 1}
"""Bytes of one element, by element type. Names are PyTorch's."""


class Places(NamedTuple):
    """What a max-pool's switches number: the places of its input, out of which its windows took their maxima."""

    sizes: Shape
    window: Shape
    stride: Shape
    pad: Shape
    """Rows before and after each axis."""


class TensorType(NamedTuple):
    """What is known of a value before anything runs. Shapes leave out the batch axis `N`."""

    shape: Shape
    dtype: str = "float32"
    batched: bool = True
    """Whether the batch axis stands before `shape`; a learned tensor has none."""
    strides: Shape | None = None
    """PyTorch's strides, that of the batch axis among them (`archdsl.ir.strides`); None where elements lie in order."""
    places: Places | None = None
    """Of a max-pool's switches: what they number."""
    samples: int = BATCH
    """The batch: one, or `BATCH` for any number of two or more."""

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

    def in_type(self, dtype: str) -> TensorType:
        """The same in a network of some type, which stands for float32."""
        return self._replace(dtype=dtype) if self.dtype == "float32" != dtype else self

    def bytes_for(self, batch: int) -> int:
        """Bytes of a batch; a learned tensor is the same for all samples."""
        return self.bytes * batch if self.batched else self.bytes

    @property
    def channels(self) -> int:
        return self.shape[0]

    @property
    def sizes(self) -> Shape:
        """The spatial sizes: all axes but the first."""
        return self.shape[1:]

    @property
    def positions(self) -> Shape:
        """The sizes of the axes along which an input has places: the spatial ones, of tokens all, as they have no channels."""
        return self.sizes if self.is_float else self.shape

    @property
    def is_float(self) -> bool:
        return "float" in self.dtype

    @property
    def tensor_shape(self) -> Shape:
        """The sizes of PyTorch's tensor, those of the batch axis among them."""
        return (self.samples, *self.shape) if self.batched else self.shape

    @property
    def tensor_strides(self) -> Shape:
        return contiguous(self.tensor_shape) if self.strides is None else self.strides

    @property
    def is_contiguous(self) -> bool:
        """Whether elements lie in order, for every batch."""
        return self.strides is None or is_contiguous(self.tensor_shape, self.strides)

    @property
    def is_packed(self) -> bool:
        """Whether a map is stored channels last without gaps."""
        return self.strides is not None and is_packed(self.tensor_shape, self.strides)

    def with_shape(self, shape: Shape) -> TensorType:
        """Another shape whose elements lie in order, as most kernels make it."""
        return TensorType(shape, self.dtype, self.batched, samples=self.samples)

    def with_strides(self, shape: Shape, strides: Shape) -> TensorType:
        """Another shape whose elements lie as the strides say."""
        plain = self.with_shape(shape)
        return plain if strides == contiguous(plain.tensor_shape) else plain._replace(strides=strides)

    def in_order(self, shape: Shape, axes: Shape) -> TensorType:
        """Another shape without gaps, whose axes, the batch axis among them, run from the slowest to the fastest as listed."""
        return self.with_strides(shape, in_order(self.with_shape(shape).tensor_shape, axes))

    def viewed_as(self, shape: Shape) -> TensorType | None:
        """The same elements in another shape; None where PyTorch has to copy them."""
        if self.strides is None:
            return self.with_shape(shape)
        strides = view(self.tensor_shape, self.tensor_strides, self.with_shape(shape).tensor_shape)
        return None if strides is None else self.with_strides(shape, strides)

    def viewed_alone_as(self, shape: Shape) -> TensorType | None:
        """The same for a batch of one, of which some views have another stride for the batch axis."""
        plain = self.with_shape(shape)
        strides = view(*map(at_one, (self.tensor_shape, self.tensor_strides, plain.tensor_shape)))
        return None if strides is None else plain._replace(strides=strides)

    def lies_in_order(self, *, is_single: bool) -> bool:
        """Whether elements lie in order, in a batch of one or of more."""
        if self.strides is None or not is_single:
            return self.is_contiguous
        return is_contiguous(at_one(self.tensor_shape), at_one(self.strides))

    def is_dense(self, *, is_single: bool) -> bool:
        """Whether the elements fill their storage without gaps, in whatever order, in a batch of one or of more."""
        if self.strides is None:
            return True
        sizes, strides = self.tensor_shape, self.strides
        return is_dense(at_one(sizes), at_one(strides)) if is_single else is_dense(sizes, strides)

    def repeated(self, shape: Shape) -> TensorType:
        """The same elements along axes of size 1 again and again, without a copy."""
        sizes = self.with_shape(shape).tensor_shape
        return self.with_strides(shape, broadcast(self.tensor_shape, self.tensor_strides, sizes))

    def computed(self, *others: TensorType) -> TensorType:
        """What an elementwise kernel makes of it, and of others of its sizes: the same order, without gaps."""
        if self.strides is None and all(other.strides is None for other in others):
            return self
        sizes = self.tensor_shape
        operands = ((sizes, t.tensor_strides) for t in (self, *others))
        return self.with_strides(self.shape, elementwise(sizes, *operands))

    def mapped(self, shape: Shape, *, keeping: Shape = (2,)) -> TensorType:
        """Another shape as a kernel for maps makes it: channels last if they are so here.

        Args:
            keeping: the numbers of spatial axes for which the kernel does so on a CPU.
        """
        is_kept = self.strides is not None and self.rank - 1 in keeping
        if is_kept and is_channels_last(self.tensor_shape, self.tensor_strides):
            return self.in_order(shape, CHANNELS_LAST[self.rank + 1])
        return self.with_shape(shape)

    def __str__(self) -> str:
        batch = "" if self.batched else "unbatched "
        dtype = "" if self.dtype == "float32" else f"{self.dtype} "
        return f"{batch}{dtype}{show_shape(self.shape)}"


def show_shape(shape: Shape) -> str:
    """A shape as the language writes it: `[64, 112, 112]`."""
    return f"[{', '.join(map(str, shape))}]"
