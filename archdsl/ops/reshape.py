"""`reshape`: the same elements in another shape."""

from __future__ import annotations

from math import prod
from typing import ClassVar

from archdsl.ir import Call, Examples, Expression, Helper, Lowering, Misfit, TensorType, Types, agree, show_shape
from archdsl.ir import Shape as Sizes
from archdsl.ir.op.attrs import Field, Shape
from archdsl.ops.families.reshaping import Reshaping
from archdsl.ops.flatten import Flatten


class Reshape(Reshaping):
    """The same elements in another shape, the last axis running fastest. One size may be -1: it follows from the others.

    The batch axis stays as it is. To give the axes another order, `permute` them.
    """

    name = "reshape"
    positional = 1
    examples: ClassVar[Examples] = (
        ("reshape([4, 16, 196])", "[64, 14, 14]", "[4, 16, 196]"),
        ("reshape([-1, 8])", "[4, 6, 8]", "[24, 8]"),
    )

    shape: Shape = Field(description="the sizes, without the batch; one may be -1")

    def new_shape(self, x: TensorType) -> Sizes:
        known = prod(n for n in self.shape if n != -1)
        if -1 in self.shape and agree(x.numel % known, 0):
            return tuple(x.numel // known if n == -1 else n for n in self.shape)
        if -1 in self.shape or not agree(known, x.numel):
            raise Misfit(
                f"{show_shape(x.shape)} does not reshape to {show_shape(self.shape)}",
                code="shape-mismatch",
                attribute="shape",
                label=f"{x.numel} elements, not {'a multiple of ' if -1 in self.shape else ''}{known}",
            )
        return self.shape

    def is_itself(self, operands: Types, results: Types) -> bool:
        """A view is another tensor, in the same shape too."""
        return False

    def pytorch(self, *operands: TensorType) -> Lowering:
        (x,) = operands
        shape = self.new_shape(x)
        whole = ("{0}.shape[0]", *shape) if x.batched else shape  # no sample has elements of another
        expression = Expression(f"{{0}}.reshape({', '.join(map(str, whole))})")
        one_axis = _of_one_axis(x, shape)
        if one_axis is not None:
            return one_axis
        return Lowering(Call("Reshape", shape) if x.batched else None, expression, _RESHAPE if x.batched else None)

    def summary(self) -> str:
        return f"reshape {'x'.join('?' if n == -1 else str(n) for n in self.shape)}"


def _of_one_axis(x: TensorType, shape: Sizes) -> Lowering | None:
    """One axis taken apart, or several joined: code that names no other axis holds for other sizes of these."""
    last = min(x.rank, len(shape)) - 1
    before = next((a for a, (n, m) in enumerate(zip(x.shape, shape, strict=False)) if n != m), max(last, 0))
    pairs = zip(x.shape[:before:-1], shape[:before:-1], strict=False)
    after = next((a for a, (n, m) in enumerate(pairs) if n != m), last - before)
    own, new = x.shape[before : x.rank - after], shape[before : len(shape) - after]
    if len(own) == 1 < len(new):
        axis = before + x.batched
        if new.count(1) == len(new) - 1:  # whatever the size of the other
            new = tuple(1 if n == 1 else -1 for n in new)
        split = f"unsqueeze({axis + (new[0] != 1)})" if len(new) == 2 and -1 in new else f"unflatten({axis}, {new})"
        return Lowering(Call("nn.Unflatten", (axis, new)), Expression(f"{{0}}.{split}"))
    if len(new) == 1 < len(own):
        return Flatten(start=before, stop=before + len(own) - 1 if after else -1).pytorch(x)
    return None


_RESHAPE = Helper(
    "Reshape",
    '''
class Reshape(nn.Module):
    """The same elements of each sample in another shape."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], *self.shape)
''',
    ("Tensor", "nn"),
)
