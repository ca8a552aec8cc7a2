"""`unpool`: values put back where a max-pool took them from."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import (
    Autocast,
    Axes,
    Call,
    Derivative,
    Examples,
    Gradient,
    Incoming,
    Lowering,
    Misfit,
    Op,
    Places,
    Reach,
    Rows,
    Saved,
    Shape,
    TensorType,
    Types,
    agree,
    show_shape,
)
from archdsl.ops.families.calls import Keywords, compact, function, keywords
from archdsl.ops.families.checks import check_float
from archdsl.ops.families.windows import LARGEST_PERIOD, transposed_rows


class Unpool(Op):
    """Undoes a max-pool: each value goes to the place of the maximum that `of` was taken from, everything else is 0.

    `of` is the result of a max-pool, which then also gives its switches, the places of its maxima: Noh et al. 2015.
    """

    name = "unpool"
    category = "pool"
    positional = 1
    tensor_attributes = ("of",)
    reads_switches = True
    examples: ClassVar[Examples] = (
        ("unpool", "[64, 28, 28], int64 [64, 28, 28] places [[56, 56], [2, 2], [2, 2], [0, 0]]", "[64, 56, 56]"),
    )

    def _places(self, switches: TensorType) -> Places:
        assert switches.places is not None, "the elaborator gives it the switches of a max-pool"
        return switches.places

    def infer(self, *operands: TensorType) -> Types:
        if len(operands) < 2:
            raise Misfit("`unpool` needs the max-pool that it undoes", operand=0, help="as `unpool(of=pooled)`")
        x, switches = operands
        check_float(self.name, x)
        if x.rank != switches.rank or not all(map(agree, x.shape, switches.shape)):
            raise Misfit(
                f"`unpool` has a switch for each value of {show_shape(switches.shape)}, not of {show_shape(x.shape)}",
                code="shape-mismatch",
                operand=0,
                label=f"the max-pool gave {show_shape(switches.shape)}",
            )
        return (x.mapped((x.channels, *self._places(switches).sizes)),)

    def reach(self, *operands: TensorType) -> Reach:
        places = self._places(operands[1])
        axes = enumerate(zip(places.window, places.stride, places.pad, strict=True), 1)
        return Axes((Rows(0), *(transposed_rows(a, k, s, 1, before) for a, (k, s, before) in axes)))

    def reads_less(self, *operands: TensorType) -> bool:
        return max(self._places(operands[1]).stride) > LARGEST_PERIOD

    def saved(self, operands: Types, results: Types) -> Saved:
        return Saved(operands=(1,))

    def gives_view(self, *operands: TensorType) -> bool:
        """Rows are put back as a map that is one row high."""
        return operands[0].rank == 2

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        """Values are picked from the rows of one matrix, into which PyTorch copies what does not lie in order."""
        copy = () if incoming.type.is_contiguous else (incoming.type.with_shape(results[0].shape),)
        picked = operands[0].with_shape(operands[0].shape)
        return (Derivative((Gradient("x0", picked, "reshaped", scratch=copy),)),)

    def autocast_on_cpu(self, *operands: TensorType) -> Autocast:
        return "inside"

    def pytorch(self, *operands: TensorType) -> Lowering:
        x, switches = operands
        places = self._places(switches)
        args = (compact(places.window),)
        given = keywords(stride=(compact(places.stride), compact(places.window)), padding=(compact(places.pad), 0))
        size: Keywords = () if places.sizes == _default_sizes(x, places) else (("output_size", places.sizes),)
        rank = len(places.sizes)
        call = None if size else Call(f"nn.MaxUnpool{rank}d", args, given)
        return Lowering(call, function(f"F.max_unpool{rank}d", args, (*given, *size), operand="{0}, {1}"))


def _default_sizes(x: TensorType, places: Places) -> Shape:
    """The sizes that PyTorch takes unless told others."""
    axes = zip(x.sizes, places.window, places.stride, places.pad, strict=True)
    return tuple((n - 1) * s - 2 * p + k for n, k, s, p in axes)
