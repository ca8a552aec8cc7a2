"""`clip_boxes`: what lies of boxes within an image."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import (
    WHOLE,
    Axes,
    Derivative,
    Examples,
    Expression,
    Extra,
    Gradient,
    Helper,
    Incoming,
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
from archdsl.ops.families.checks import check_float


class ClipBoxes(Op):
    """Boxes `[A, 4]`, left, top, right and bottom, whose sides are moved into the image `to`."""

    name = "clip_boxes"
    category = "activation"
    numbered = False
    tensor_attributes = ("to",)
    lends_sizes = True
    examples: ClassVar[Examples] = (("clip_boxes", "[1000, 4], [3, 800, 800]", "[1000, 4]"),)

    def infer(self, *operands: TensorType) -> Types:
        if len(operands) < 2:
            raise Misfit("`clip_boxes` needs an image", operand=0, help="as `clip_boxes(to=image)`")
        x, image = operands
        check_float(self.name, x)
        if x.rank < 1 or not agree(x.shape[-1], 4):
            raise Misfit(f"`clip_boxes` reads boxes [A, 4], not {x}", code="wrong-rank", operand=0)
        if image.rank != 3:
            raise Misfit(f"an image is [C, H, W], not {image}", code="wrong-rank", operand=1)
        return (x.computed(),)

    def reach(self, *operands: TensorType) -> Reach:
        x, image = operands
        return Axes(tuple(Rows(a) for a in range(x.rank)), (WHOLE,) * image.rank)

    def saved(self, operands: Types, results: Types) -> Saved:
        """The boxes and both limits."""
        limits = tuple(Extra(name, (4,), operands[0].dtype, batched=False) for name in ("least", "most"))
        return Saved((0,), extra=limits)

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        return self.saved(operands, results).extra

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        """A mask for each limit, and a zero, are made on the way (`clamp_backward` in ATen's `FunctionsManual.cpp`)."""
        x = operands[0].computed()
        mask = x._replace(dtype="bool")
        zero = TensorType((), x.dtype, batched=False)
        return (Derivative((Gradient("x0", x.computed(incoming.type), scratch=(mask, mask, zero)),)),)

    def is_cast_exactly(self, operands: Types, results: Types, *, is_lower: bool) -> bool:
        """The limits are as precise as what came in."""
        return False

    def pytorch(self, *operands: TensorType) -> Lowering:
        return Lowering(function=Expression("clip_boxes({0}, {1})"), helper=_CLIP)


_CLIP = Helper(
    "clip_boxes",
    '''
def clip_boxes(boxes: Tensor, image: Tensor) -> Tensor:
    """What lies of boxes within an image."""
    height, width = image.shape[-2:]
    return boxes.clamp(boxes.new_zeros(4), boxes.new_tensor((width, height, width, height)))
''',
    ("Tensor",),
)
