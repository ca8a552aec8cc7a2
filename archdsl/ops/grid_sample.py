"""`grid_sample`: a map read at places that another value says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from archdsl.ir import (
    WHOLE,
    Autocast,
    Axes,
    Examples,
    Gradient,
    Lowering,
    Misfit,
    Op,
    Reach,
    Rows,
    Saved,
    TensorType,
    Types,
    agree,
    show_shape,
)
from archdsl.ir.op.attrs import Beyond, Field, Flag, Interpolation
from archdsl.ops.families.calls import function, keywords
from archdsl.ops.families.checks import check_float


class GridSample(Op):
    """A map `[C, H, W]` read at the places of a grid `[h, w, 2]`: spatial transformers, Jaderberg et al. 2015.

    A place is a column and a row, in this order, from -1 to 1 over the map; what lies between pixels is interpolated. So
    maps are also warped by a flow. Volumes `[C, D, H, W]` are read at the places of a grid `[d, h, w, 3]`. With
    `align_corners=true` -1 and 1 are the centres of the outermost pixels, else their outer edges.
    """

    name = "grid_sample"
    category = "pool"
    numbered = False
    tensor_attributes = ("grid",)
    examples: ClassVar[Examples] = (
        ("grid_sample", "[3, 32, 32], [28, 28, 2]", "[3, 28, 28]"),
        ("grid_sample(beyond=border)", "[1, 8, 16, 16], [8, 16, 16, 3]", "[1, 8, 16, 16]"),
    )

    mode: Interpolation = Field("bilinear", description="how values between pixels are found")
    beyond: Beyond = Field("zeros", description="what is read outside the map: zeros, its border, or its mirror image")
    align_corners: Flag = Field(False, description="whether -1 and 1 are the centres of the outermost pixels")

    def infer(self, *operands: TensorType) -> Types:
        x, *grids = operands
        check_float(self.name, x)
        if not grids:
            raise Misfit("`grid_sample` needs the places", operand=0, help="as `grid_sample(grid=places)`")
        (grid,) = grids
        check_float(self.name, grid, 1)
        axes = x.rank - 1
        if axes not in (2, 3):
            raise Misfit(
                f"`grid_sample` reads a map or a volume, not {show_shape(x.shape)}", code="wrong-rank", operand=0
            )
        if axes == 3 and self.mode == "bicubic":
            raise Misfit("`mode=bicubic` is for maps with 2 spatial axes, not 3", attribute="mode")
        if grid.rank != axes + 1 or not grid.batched or grid.dtype != x.dtype or not agree(grid.shape[-1], axes):
            raise Misfit(
                f"the grid for {show_shape(x.shape)} is [{'d, ' * (axes == 3)}h, w, {axes}], not {grid}",
                code="shape-mismatch",
                operand=1,
            )
        return (x.with_shape((x.channels, *grid.shape[:-1])),)

    def reads_less(self, *operands: TensorType) -> bool:
        return True

    def reach(self, *operands: TensorType) -> Reach:
        x, grid = operands
        places: Iterable[Rows] = (Rows(a) for a in range(1, grid.rank))
        return Axes((Rows(0), *[WHOLE] * (x.rank - 1)), (*places, WHOLE))

    def saved(self, operands: Types, results: Types) -> Saved:
        return Saved(operands=(0, 1))

    def own_gradients(self, operands: Types) -> tuple[Gradient, ...]:
        """That of the grid is made in any case."""
        of_map, of_grid = (Gradient(f"x{i}", x.with_shape(x.shape)) for i, x in enumerate(operands))
        return of_map._replace(along=("x1",)), of_grid

    def autocast_on_cpu(self, *operands: TensorType) -> Autocast:
        return "float32"

    def pytorch(self, *operands: TensorType) -> Lowering:
        given = keywords(mode=(self.mode, "bilinear"), padding_mode=(self.beyond, "zeros"))
        corners = (("align_corners", self.align_corners),)
        return Lowering(function=function("F.grid_sample", (), (*given, *corners), "{0}, {1}"))
