"""`split`: one axis taken apart."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import (
    Axes,
    Derivative,
    Examples,
    Expression,
    Incoming,
    Lowering,
    Misfit,
    Op,
    Reach,
    Rows,
    Shape,
    TensorType,
    Types,
    agree,
    is_open,
    show_shape,
)
from archdsl.ir.op.attrs import Axis, Field, Sizes
from archdsl.ops.families.calls import dim, function
from archdsl.ops.families.checks import check_axis


class Split(Op):
    """Takes an axis apart: into that many equal parts, or into parts of the sizes listed. The results are a list.

    Krizhevsky et al. 2012 split the maps of AlexNet over two GPUs in this way.
    """

    name = "split"
    category = "reshape"
    positional = 2
    numbered = False
    gives_list = True
    reads_unbatched = True
    examples: ClassVar[Examples] = (
        ("split(2)", "[96, 27, 27]", "[48, 27, 27], [48, 27, 27]"),
        ("split([1, 196], axis=0)", "[197, 768]", "[1, 768], [196, 768]"),
    )

    parts: Sizes = Field(description="number of equal parts, or the size of each part")
    axis: Axis = Field(0, description="the axis that is split")

    @property
    def keeps_sign(self) -> bool:
        return True

    def _sizes(self, size: int) -> Shape:
        """The sizes of the parts of an axis. Raises `Misfit`."""
        if isinstance(self.parts, tuple):
            if not agree(sum(self.parts), size):
                raise Misfit(
                    f"the parts add up to {sum(self.parts)}, not to the {size} of axis {self.axis}", attribute="parts"
                )
            return self.parts
        if size % self.parts:
            raise Misfit(
                f"an axis of {size} does not split into {self.parts} equal parts",
                attribute="parts",
                label=f"{size} = {self.parts} * {size // self.parts} + {size % self.parts}",
                help=_listed(size, self.parts),
            )
        return (size // self.parts,) * self.parts

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        axis = check_axis(self.name, self.axis, x)

        def part(n: int) -> TensorType:
            return x.with_strides((*x.shape[:axis], n, *x.shape[axis + 1 :]), x.tensor_strides)

        sizes = self._sizes(x.shape[axis])
        return tuple(map(part, sizes)) if isinstance(self.parts, tuple) else (part(sizes[0]),) * self.parts

    def reach_of(self, result: int, *operands: TensorType) -> Reach:
        (x,) = operands
        axis = check_axis(self.name, self.axis, x)
        first = sum(self._sizes(x.shape[axis])[:result])
        return Axes(tuple(Rows(a, ((first, first),)) if a == axis else Rows(a) for a in range(x.rank)))

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        takes = tuple(f"y{i}" for i in range(len(results)))
        return (Derivative(self.laid_out(operands, results, incoming), takes, fills=results),)

    def gradient_type(self, x: TensorType, y: TensorType, incoming: TensorType) -> TensorType:
        return x.with_shape(x.shape)

    def is_view(self, *operands: TensorType) -> bool:
        return True

    def pytorch(self, *operands: TensorType) -> Lowering:
        if len(self._sizes(operands[0].shape[check_axis(self.name, self.axis, operands[0])])) == 1:
            return Lowering(function=Expression("{0}"))
        along = dim(self.axis, operands[0])
        if isinstance(self.parts, tuple):
            return Lowering(function=Expression(f"torch.split({{0}}, {[*self.parts]}, dim={along})", ("torch",)))
        return Lowering(function=function("torch.chunk", (self.parts,), (("dim", along),)))

    def summary(self) -> str:
        return f"split {show_shape(self.parts) if isinstance(self.parts, tuple) else self.parts}"


def _listed(size: int, parts: int) -> str | None:
    """How to take apart what does not split equally, where there is enough for each part."""
    if is_open((size,)) or not 1 < parts <= size:
        return None
    each, rest = divmod(size, parts)
    sizes = (each + 1,) * rest + (each,) * (parts - rest)
    return f"list the sizes: `split({show_shape(sizes) if parts <= 8 else '[a, b, ...]'})`"
