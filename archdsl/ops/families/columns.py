"""What `unfold` and `fold` have in common: a map, and its windows as columns."""

from __future__ import annotations

from archdsl.ir import (
    Call,
    Derivative,
    Expression,
    Extra,
    Gradient,
    Incoming,
    Literal,
    Lowering,
    Misfit,
    Op,
    TensorType,
    Types,
)
from archdsl.ir.op.attrs import Field, Pad, Window
from archdsl.ops.families.calls import compact, function, keywords
from archdsl.ops.families.checks import check_float
from archdsl.ops.families.copies import laid_in_order, made
from archdsl.ops.families.derivatives import packed
from archdsl.ops.families.padding import is_symmetric
from archdsl.ops.families.windows import Geometry, geometry, show_stride, show_window


class Columns(Op):
    """Base of the two. PyTorch's kernels begin with a result of the operand's size and enlarge it; one that comes out smaller
    would hold on to all of that, so it is copied."""

    category = "reshape"

    window: Window = Field(description="size of the window")
    stride: Window = Field(1, description="rows from one window to the next")
    pad: Pad = Field(0, description="rows of zeros around the map")
    dilation: Window = Field(1, description="rows from one tap of the window to the next")

    def map_of(self, x: TensorType) -> TensorType:
        """The map, given the operand. Raises `Misfit`."""
        raise NotImplementedError

    def windows(self, x: TensorType) -> Geometry:
        """How windows lie on the map. Raises `Misfit`."""
        check_float(self.name, x)
        g = geometry(self.map_of(x), self.name, self.window, self.stride, self.pad, self.dilation)
        if not is_symmetric(g.pad):
            raise Misfit(
                f"`{self.name}` pads alike on both sides", attribute="pad", help="a `pad` adds rows on one side alone"
            )
        return g

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        (x,), (y,) = operands, results
        copies = made(x, laid_in_order(x))
        if x.numel <= y.numel:  # what is enlarged lives and dies inside of the kernel
            return copies
        # The copy of the operand is gone when that of the result is made.
        copies = tuple(c._replace(shape=(x.numel - y.numel,)) for c in copies)
        return (Extra.like("first result", x), *copies)

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        """The other one's kernel, whose result keeps room for the gradient that came in."""
        (x,), (y,) = operands, results
        return (Derivative((Gradient("x0", packed(x), room=packed(y) if x.numel < y.numel else None),)),)

    def lowered(self, x: TensorType, *arguments: Literal) -> Lowering:
        """A call with the arguments that come before those of the windows."""
        g = self.windows(x)
        given = keywords(
            dilation=(compact(g.dilation), 1),
            padding=(compact(tuple(before for before, _ in g.pad)), 0),
            stride=(compact(g.stride), 1),
        )
        positional = (*arguments, compact(g.window))
        is_copied = laid_in_order(x) != "never"
        written = function(f"F.{self.name}", positional, given, "{0}.contiguous()" if is_copied else "{0}")
        if self.infer(x)[0].numel < x.numel:
            return Lowering(function=Expression(f"{written.template}.clone()", written.imports))
        module = None if is_copied else Call(f"nn.{self.name.capitalize()}", positional, given)
        return Lowering(module, written)

    def summary(self) -> str:
        return f"{self.name} {show_window(self.window)}{show_stride(self.stride)}"
