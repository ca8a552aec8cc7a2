"""`roi_align`: maps under boxes, of one size each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from archdsl.ir import (
    WHOLE,
    Axes,
    Examples,
    Expression,
    Extra,
    Gradient,
    Helper,
    KernelPrecision,
    Lowering,
    Misfit,
    Op,
    Reach,
    Rows,
    Saved,
    TensorType,
    Types,
    agree,
)
from archdsl.ir.op.attrs import Field, Flag, Size, Window
from archdsl.ops.families.checks import check_float
from archdsl.ops.families.merge import Merge
from archdsl.ops.families.windows import per_axis, show_window


class RoiAlign(Merge):
    """What lies of a map `[C, H, W]` under each of K boxes, brought to one size, He et al. 2017, section 3: `[K, C, size]`.
    Boxes are `[K, 4]`: left, top, right and bottom in pixels of the image.

    Each element is the mean of `samples` by `samples` points of its cell, which are interpolated between the nearest pixels.
    A pixel's centre has whole coordinates, and boxes have sides of at least a pixel; with `aligned=true` centres are at
    halves, as in Detectron2.

    Of several maps, each of which has half the rows of the one before, a box is read from the one of its scale: of side 224
    from the one of stride 16, of half that side from the one before (Lin et al. 2017, equation 1). Boxes learn nothing.
    """

    name = "roi_align"
    category = "pool"
    positional = 2
    is_itself_of_one = False
    reads_unbatched = False
    examples: ClassVar[Examples] = (
        ("roi_align(7, 16)", "[1000, 4], [1024, 50, 50]", "[1000, 1024, 7, 7]"),
        ("roi_align(14, 4)", "[100, 4], [256, 200, 200], [256, 100, 100]", "[100, 256, 14, 14]"),
    )

    size: Window = Field(description="rows and columns of the result")
    stride: Size = Field(description="the pixels of the image from one place of the first map to the next")
    samples: Size = Field(2, description="points of each cell, along either axis")
    aligned: Flag = Field(False, description="whether the centre of a pixel has coordinates that end on a half")

    def infer(self, *operands: TensorType) -> Types:
        boxes, *maps = operands
        if not maps:
            raise Misfit("`roi_align` takes boxes and a map, or several", code="shape-mismatch", operand=0)
        check_float(self.name, boxes)
        if boxes.rank != 2 or not agree(boxes.shape[1], 4) or not boxes.batched:
            raise Misfit(f"`roi_align` reads boxes [K, 4], not {boxes}", code="wrong-rank", operand=0)
        for index, x in enumerate(maps, start=1):
            check_float(self.name, x, index)
            if x.rank != 3 or not x.batched:
                raise Misfit(f"`roi_align` reads maps [C, H, W], not {x}", code="wrong-rank", operand=index)
            if x.dtype != boxes.dtype:
                raise Misfit(
                    f"the maps of `roi_align` are {x.dtype}, its boxes {boxes.dtype}", code="wrong-dtype", operand=index
                )
            if not agree(x.channels, maps[0].channels):
                raise Misfit(
                    f"the maps of `roi_align` have {maps[0].channels} and {x.channels} channels",
                    code="shape-mismatch",
                    operand=index,
                )
        shape = (boxes.shape[0], maps[0].channels, *self._size)
        return (maps[0].with_shape(maps[0].shape).in_order(shape, (0, 2, 1, 3, 4)),)

    @property
    def _size(self) -> tuple[int, ...]:
        return per_axis(self.size, 2, "size")

    def reads_less(self, *operands: TensorType) -> bool:
        return True

    def reach(self, *operands: TensorType) -> Reach:
        return Axes((Rows(0), WHOLE), *((Rows(1), WHOLE, WHOLE) for _ in operands[1:]))

    def counts_values(self, operands: Types, results: Types) -> bool:
        return True

    def saved(self, operands: Types, results: Types) -> Saved:
        """Each map and, for each of the points of a cell, where they are."""
        boxes, *maps = operands
        grids = tuple(self._grid(boxes)._replace(name=f"places {i}") for i in range(self._points(maps)))
        read = tuple(range(1, len(operands)))
        return Saved(read, extra=grids, numbers=1, numbers_for=read)

    def on_cuda(self, *operands: TensorType, precision: KernelPrecision = "float32") -> Op:
        return _RaisedRoiAlign(**self.attributes) if precision == "mixed" else self

    def _points(self, maps: Sequence[TensorType]) -> int:
        return self.samples**2 * len(maps)

    def _grid(self, boxes: TensorType) -> Extra:
        return Extra("places", (boxes.shape[0], *self._size, 2), boxes.dtype)

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        """While the last points are read: sides and corners of boxes, which map each is for, the places, and what was read."""
        boxes, *maps = operands
        count = boxes.shape[0]
        own = Extra("boxes", (7 * count,), boxes.dtype), Extra("is elsewhere", (count,), "bool"), self._grid(boxes)
        return own if self._points(maps) == 1 else (*own, Extra.like("points", results[0]))

    def training_scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        return tuple(e for e in self.scratch(operands, results) if e.name != "places")

    def own_gradients(self, operands: Types) -> tuple[Gradient, ...]:
        return super().own_gradients(operands)[1:]

    def is_derived_exactly(self, operands: Types) -> bool:
        return False

    def gives_view(self, *operands: TensorType) -> bool:
        return True

    def pytorch(self, *operands: TensorType) -> Lowering:
        given = f", samples={self.samples}" if self.samples != 2 else ""
        given += ", aligned=True" if self.aligned else ""
        call = f"roi_align({{*}}, size={self._size!r}, stride={self.stride!r}{given})"
        return Lowering(function=Expression(call), helper=_ROI_ALIGN)

    def summary(self) -> str:
        return f"roi_align {show_window(self._size)}"


class _RaisedRoiAlign(RoiAlign):
    """With CUDA's autocast, which promotes `grid_sampler`: each map is cast anew for each of its points."""

    def saved(self, operands: Types, results: Types) -> Saved:
        kept = super().saved(operands, results)
        casts = [
            Extra.like(f"cast {i} of map {number}", x)._replace(is_float32=True)
            for number, x in enumerate(operands[1:])
            for i in range(1, self.samples**2)
        ]
        return kept._replace(extra=(*kept.extra, *casts))


_ROI_ALIGN = Helper(
    "roi_align",
    '''
def along(start: Tensor, step: Tensor, cells: int, inside: float, last: int, is_elsewhere: Tensor) -> Tensor:
    """Where the points of cells are on one axis, from -1 to 1 within a map, and 3 where they are not on it."""
    place = start[..., None] + (torch.arange(cells, dtype=start.dtype, device=start.device) + inside) * step[..., None]
    is_off = (place < -1) | (place > last + 1) | is_elsewhere[..., None]
    return (place.clamp_(0, last) * (2 / max(last, 1)) - 1).masked_fill_(is_off, 3)


def roi_align(
    boxes: Tensor, *maps: Tensor, size: tuple[int, int], stride: int, samples: int = 2, aligned: bool = False
) -> Tensor:
    """What lies of a map under boxes, brought to one size (He et al. 2017): means of points between the pixels.

    Of several maps, each box is read from the one of its scale (Lin et al. 2017, equation 1).
    """
    boxes, (rows, columns) = boxes.detach(), size
    sides = boxes[..., 2:] - boxes[..., :2]
    scale = (torch.log2(sides.prod(-1).sqrt() / 224) + (4 - math.log2(stride) + 1e-6)).floor_()
    scale.clamp_(0, len(maps) - 1)
    total: Any = None
    for number, x in enumerate(maps):
        is_elsewhere, pixel = scale != number, stride * 2**number
        left, top = (boxes[..., :2] / pixel - (0.5 if aligned else 0)).unbind(-1)
        width, height = (sides / pixel if aligned else (sides / pixel).clamp_(min=1)).unbind(-1)
        for down in range(samples):
            for right in range(samples):
                x0 = along(left, width / columns, columns, (right + 0.5) / samples, x.shape[3] - 1, is_elsewhere)
                y0 = along(top, height / rows, rows, (down + 0.5) / samples, x.shape[2] - 1, is_elsewhere)
                grid = torch.stack(torch.broadcast_tensors(x0[..., None, :], y0[..., None]), -1).flatten(1, 2)
                del x0, y0
                found = F.grid_sample(x, grid, align_corners=True)
                total = found if total is None else total.add_(found)
                del grid, found
    return total.div_(samples**2).unflatten(2, (-1, rows)).transpose(1, 2)
''',
    ("Any", "F", "Tensor", "math", "torch"),
)
