"""`l2_normalize`: vectors of length 1."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import (
    Call,
    Derivative,
    Examples,
    Extra,
    Gradient,
    Helper,
    Incoming,
    Lowering,
    Op,
    Reach,
    Saved,
    TensorType,
    Types,
)
from archdsl.ir.op.attrs import Axis, Field
from archdsl.ops.families.calls import Keywords, dim, function
from archdsl.ops.families.checks import check_axis, check_float
from archdsl.ops.families.derivatives import quotient
from archdsl.ops.families.moves import over


class L2Normalize(Op):
    """Divides by the length along an axis, by default the channels: an embedding then lies on the unit sphere.

    Lengths below 1e-12 count as that. FaceNet: Schroff et al. 2015. For tokens [T, C] the axis is -1.
    """

    name = "l2_normalize"
    category = "norm"
    autocast = "float32"
    positional = 1
    reads_unbatched = True
    examples: ClassVar[Examples] = (("l2_normalize", "[128]", "[128]"), ("l2_normalize(-1)", "[16, 64]", "[16, 64]"))

    axis: Axis = Field(0, description="the axis along which lengths are taken")

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        check_float(self.name, x)
        check_axis(self.name, self.axis, x)
        return (x.computed(),)

    def _lengths(self, x: TensorType) -> tuple[Extra, ...]:
        axis = check_axis(self.name, self.axis, x)
        shape = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
        return tuple(Extra(name, shape, x.dtype, x.batched) for name in ("length", "length of at least 1e-12"))

    def reach(self, *operands: TensorType) -> Reach:
        return over(operands[0], self.axis)

    def saved(self, operands: Types, results: Types) -> Saved:
        return Saved(operands=(0,), extra=self._lengths(operands[0]))

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        return self._lengths(operands[0])[1:]

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        """Of the quotient, of the length that was repeated and bounded from below, and of the length itself."""
        x = operands[0].computed()
        axis = check_axis(self.name, self.axis, x)
        length = x.with_shape((*x.shape[:axis], 1, *x.shape[axis + 1 :]))
        mask, number = length._replace(dtype="bool"), TensorType((), batched=False)
        repeated, bounded = Gradient("bounded", length), Gradient("length", length, scratch=(mask, number))
        own = Gradient("x0", x, scratch=(x, mask))
        return (
            Derivative(quotient(("x0", x), ("repeated", x), x, incoming.type)),
            Derivative((repeated,), ("repeated",)),
            Derivative((bounded,), ("bounded",)),
            Derivative((own,), ("length",), frees=("length", "x0")),
        )

    def pytorch(self, *operands: TensorType) -> Lowering:
        number = dim(self.axis, operands[0])
        given: Keywords = (("dim", number),) if number != 1 else ()
        return Lowering(Call("L2Normalize", (), given), function("F.normalize", (), given), _L2_NORMALIZE)


_L2_NORMALIZE = Helper(
    "L2Normalize",
    '''
class L2Normalize(nn.Module):
    """Vectors along an axis, brought to length 1."""

    def __init__(self, dim: int = 1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(x, dim=self.dim)
''',
    ("Tensor", "nn", "F"),
)
