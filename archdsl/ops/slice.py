"""`slice`: part of an axis."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples, Lowering, Misfit, Reach, TensorType, Types, show_shape
from archdsl.ir.op.attrs import Axis, Extent, Field, Size
from archdsl.ops.families.checks import check_axis
from archdsl.ops.families.indexing import Part, indexed, part, rows
from archdsl.ops.families.moves import shifted
from archdsl.source import counted


class Slice(Part):
    """The rows `start` to `stop` - 1 of an axis. Negative numbers count from the end; without `stop` it goes to the end.

    With a `step` only every so many are taken: the even columns of a map are `slice(0, axis=2, step=2)`.
    """

    name = "slice"
    positional = 3
    examples: ClassVar[Examples] = (
        ("slice(1, 197)", "[197, 768]", "[196, 768]"),
        ("slice(0, -1, axis=1)", "[8, 5]", "[8, 4]"),
        ("slice(1)", "[197, 768]", "[196, 768]"),
        ("slice(0, axis=2, step=2)", "[3, 64, 64]", "[3, 64, 32]"),
    )

    start: Extent = Field(description="the first row")
    stop: Extent | None = Field(None, description="the row after the last; the end unless given")
    axis: Axis = Field(0, description="the axis that is cut")
    step: Size = Field(1, description="from one row to the next")

    def _rows(self, x: TensorType) -> tuple[int, int, int]:
        """The axis, its first row and the one after the last, counted from 0. Raises `Misfit`."""
        axis = check_axis(self.name, self.axis, x)
        size = x.shape[axis]
        start, stop = (n + size if n < 0 else n for n in (self.start, size if self.stop is None else self.stop))
        if not 0 <= start < stop <= size:
            raise Misfit(
                f"`slice` from {self.start} to {'the end' if self.stop is None else self.stop} takes no rows "
                f"out of the {size} of axis {self.axis} of {show_shape(x.shape)}"
                if start >= stop
                else f"axis {self.axis} of {show_shape(x.shape)} has {counted(size, 'row')}, and `slice` asks for more",
                attribute="stop" if self.stop is not None and stop > size else "start",
                label=f"rows {start} to {stop - 1} of {size}" if start < stop else "",
            )
        return axis, start, stop

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        axis, start, stop = self._rows(x)
        return part(x, (*x.shape[:axis], (stop - start - 1) // self.step + 1, *x.shape[axis + 1 :]), axis, self.step)

    def reach(self, *operands: TensorType) -> Reach:
        axis, start, _ = self._rows(operands[0])
        return shifted(operands[0].rank, {axis: start}, {axis: self.step})

    def pytorch(self, *operands: TensorType) -> Lowering:
        (x,) = operands
        axis, start, stop = self._rows(x)
        step = f":{self.step}" if self.step > 1 else ""
        is_all = stop - start == x.shape[axis] and not step
        return indexed(x, {} if is_all else {axis: rows(start, stop, x.shape[axis]) + step})

    def summary(self) -> str:
        step = f":{self.step}" if self.step > 1 else ""
        return f"slice {self.start}:{'' if self.stop is None else self.stop}{step}"
