"""`roll`: rows moved along an axis, and in again at its other end."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Axes as AxisByAxis
from archdsl.ir import Examples, Lowering, Misfit, Op, Reach, Rows, Shape, TensorType, Types
from archdsl.ir.op.attrs import Axes, Field, Shifts
from archdsl.ops.families.calls import function
from archdsl.ops.families.checks import check_axes
from archdsl.ops.families.repeated import put_together


class Roll(Op):
    """Moves the rows of an axis; those that leave at one end come in at the other.

    Swin moves its maps by half a window before every second attention, Liu et al. 2021: `roll([-3, -3], [0, 1])`.
    """

    name = "roll"
    category = "reshape"
    positional = 2
    numbered = False
    reads_unbatched = True
    examples: ClassVar[Examples] = (
        ("roll([-3, -3], [0, 1])", "[56, 56, 96]", "[56, 56, 96]"),
        ("roll(1, -1)", "[8, 100]", "[8, 100]"),
    )

    shift: Shifts = Field(description="by how many rows; negative ones go towards row 0")
    axes: Axes = Field(description="the axis, or the axes, along which rows are moved")

    def _moves(self, x: TensorType) -> tuple[Shape, Shape]:
        """Shifts and axes. Raises `Misfit`."""
        axes = check_axes(self.name, self.axes, x)
        shifts = self.shift if isinstance(self.shift, tuple) else (self.shift,)
        if len(shifts) != len(axes):
            raise Misfit(
                "`roll` takes a shift for each axis", attribute="shift", label=f"{len(shifts)}, not {len(axes)}"
            )
        return shifts, axes

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        self._moves(x)
        return (put_together((x,), x.shape),)

    def reach(self, *operands: TensorType) -> Reach:
        (x,) = operands
        _, axes = self._moves(x)
        return AxisByAxis(tuple(Rows(a, ()) if a in axes else Rows(a) for a in range(x.rank)))

    def gradient_type(self, x: TensorType, y: TensorType, incoming: TensorType) -> TensorType:
        return incoming.mapped(x.shape)

    def pytorch(self, *operands: TensorType) -> Lowering:
        (x,) = operands
        shifts, axes = self._moves(x)
        dims = tuple(a + x.batched for a in axes)
        args = (shifts[0], dims[0]) if len(dims) == 1 else (shifts, dims)
        return Lowering(function=function("torch.roll", args))

    def summary(self) -> str:
        return f"roll {' '.join(map(str, self.shift)) if isinstance(self.shift, tuple) else self.shift}"
