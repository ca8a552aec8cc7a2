"""`anchors`: boxes around the places of a map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, TypeVar

from archdsl.ir import WHOLE, Examples, Expression, Extra, Helper, Lowering, Misfit, Op, Reach, TensorType, Types
from archdsl.ir.op.attrs import Field, Numbers, Size
from archdsl.ops.families.checks import check_float

T = TypeVar("T")


class Anchors(Op):
    """Boxes of several sizes and ratios around each place of a map, Ren et al. 2015, section 3.1.1: left, top, right and bottom
    in pixels of the image, rounded as torchvision does.

    They go row by row, and at each place by ratios, then sizes. They have no batch axis, and of the map only its sizes count.
    """

    name = "anchors"
    category = "parameter"
    positional = 3
    numbered = False
    examples: ClassVar[Examples] = (("anchors(32, [0.5, 1, 2], 4)", "[256, 200, 200]", "unbatched [120000, 4]"),)

    sizes: Numbers = Field(description="the roots of areas, in pixels")
    ratios: Numbers = Field(description="heights over widths")
    stride: Size = Field(description="the pixels of the image from one place to the next")

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        check_float(self.name, x)
        if x.rank != 3:
            raise Misfit(f"`anchors` are around the places of a map [C, H, W], not {x}", code="wrong-rank", operand=0)
        return (TensorType((x.shape[1] * x.shape[2] * len(self.shapes), 4), x.dtype, batched=False),)

    def read(self, operands: Sequence[T]) -> Sequence[T]:
        return operands[:0]

    @property
    def shapes(self) -> tuple[tuple[float, ...], ...]:
        """The boxes around the place at the left top."""
        pairs = (
            (size / ratio**0.5, size * ratio**0.5) for ratio in _listed(self.ratios) for size in _listed(self.sizes)
        )
        return tuple(tuple(float(round(n / 2)) for n in (-w, -h, w, h)) for w, h in pairs)

    def reach(self, *operands: TensorType) -> Reach:
        return WHOLE

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        """The rows, the columns, all places, and the boxes of one place."""
        _, height, width = operands[0].shape
        lines = Extra("places", (4 * height * width + height + width,), "int64", batched=False)
        return lines, Extra("shapes", (len(self.shapes), 4), operands[0].dtype, batched=False)

    def gives_view(self, *operands: TensorType) -> bool:
        return True

    def pytorch(self, *operands: TensorType) -> Lowering:
        call = f"anchors({{0}}, {self.stride!r}, {self.shapes!r})"
        return Lowering(function=Expression(call), helper=_ANCHORS)

    def summary(self) -> str:
        return f"anchors /{self.stride}, {len(self.shapes)} at a place"


def _listed(numbers: float | tuple[float, ...]) -> tuple[float, ...]:
    return numbers if isinstance(numbers, tuple) else (numbers,)


_ANCHORS = Helper(
    "anchors",
    '''
def anchors(x: Tensor, stride: int, shapes: tuple[tuple[float, ...], ...]) -> Tensor:
    """Boxes of these shapes around the places of a map, row by row: left, top, right, bottom in pixels of the image."""
    rows, columns = (stride * torch.arange(size, device=x.device) for size in x.shape[-2:])
    top, left = torch.meshgrid(rows, columns, indexing="ij")
    places = torch.stack((left, top, left, top), -1)
    return (places[:, :, None] + x.new_tensor(shapes)).reshape(-1, 4)
''',
    ("Tensor", "torch"),
)
