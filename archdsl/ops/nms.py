"""`nms`: non-maximum suppression."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import (
    ITEM_SIZE,
    WHOLE,
    Axes,
    Examples,
    Expression,
    Extra,
    Helper,
    KernelPrecision,
    Lowering,
    Misfit,
    Op,
    Reach,
    TensorType,
    Types,
    agree,
)
from archdsl.ir.op.attrs import Field, Probability, Size
from archdsl.ops.families.checks import check_float


class NonMaximumSuppression(Op):
    """The numbers of the best boxes `[A, 4]`, by `scores` `[A]`, the best first. Of two that overlap by more than `overlap`
    (the area that they share over the area of both together) the better one stays. Girshick et al. 2014, section 2.2.

    How many stay depends on the image. The result has `count` numbers: of more the best, and where fewer stay the best one
    again, so that its shape is the same for every image. A `count` that is open (`where P <= 1000`) makes all that follows
    a formula of it. Boxes with unlike numbers in `apart`, levels or classes, do not suppress each other. Nothing is learned
    through it.
    """

    name = "nms"
    category = "pool"
    positional = 2
    numbered = False
    reads_unbatched = True
    tensor_attributes = ("scores", "apart")
    examples: ClassVar[Examples] = (
        ("nms(1000, 0.7)", "[4507, 4], [4507]", "int64 [1000]"),
        ("nms(100, 0.5)", "[1000, 4], [1000], int64 [1000]", "int64 [100]"),
    )

    float32: ClassVar[str] = "float32"
    """What stands for it."""

    count: Size = Field(description="how many boxes are kept")
    overlap: Probability = Field(description="the largest overlap of two boxes that both stay")

    def infer(self, *operands: TensorType) -> Types:
        if len(operands) < 2:
            raise Misfit(
                "`nms` needs the scores of the boxes", operand=0, help="as `boxes -> nms(1000, 0.7, scores=scores)`"
            )
        boxes, scores, *apart = operands
        check_float(self.name, boxes)
        check_float(self.name, scores, 1)
        if boxes.rank != 2 or not agree(boxes.shape[1], 4) or not boxes.batched:
            raise Misfit(f"`nms` reads boxes [A, 4], not {boxes}", code="wrong-rank", operand=0)
        for index, x in enumerate((scores, *apart), start=1):
            if x.rank != 1 or not agree(x.shape[0], boxes.shape[0]) or (index == 1 and not x.batched):
                raise Misfit(
                    f"`{self.tensor_attributes[index - 1]}` has a number for each of {boxes.shape[0]} boxes, and this is {x}",
                    code="shape-mismatch",
                    operand=index,
                )
        if any(x.dtype != "int64" for x in apart):
            raise Misfit(f"`apart` holds int64 numbers, not {apart[0].dtype}", code="wrong-dtype", operand=2)
        return (TensorType((self.count,), "int64"),)

    def reads_less(self, *operands: TensorType) -> bool:
        return True

    def reach(self, *operands: TensorType) -> Reach:
        return Axes(*((WHOLE,) * x.rank for x in operands))

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        """Boxes, levels and their order, sorted, and which are left; and what the overlaps take, or the end."""
        boxes, _, *apart = operands
        many, item = boxes.shape[0], ITEM_SIZE[self.float32 if boxes.dtype == "float32" else boxes.dtype]
        lists = (16 + 8 * len(apart) + 4 * item) * many + 4 * item
        overlaps, end = item * (6 * many + 1) + many * (self.count > 1), many + 16 * self.count
        return (Extra("boxes in order", (lists + max(overlaps, end),), "bool"),)

    def on_cuda(self, *operands: TensorType, precision: KernelPrecision = "float32") -> Op:
        return self.on_cpu(*operands, precision=precision)

    def on_cpu(self, *operands: TensorType, precision: KernelPrecision = "float32") -> Op:
        return _HalfSuppression(**self.attributes) if precision == "half" else self

    def pytorch(self, *operands: TensorType) -> Lowering:
        apart = ", {2}" if len(operands) > 2 else ""
        call = f"nms({{0}}, {{1}}, {self.count!r}, {self.overlap!r}{apart})"
        return Lowering(function=Expression(call), helper=_NMS)

    def summary(self) -> str:
        return f"nms {self.count}, {self.overlap:g}"


class _HalfSuppression(NonMaximumSuppression):
    """Of boxes in half precision."""

    float32 = "bfloat16"


_NMS = Helper(
    "nms",
    '''
def overlaps(box: Tensor, others: Tensor) -> Tensor:
    """The area that boxes share with one box of each sample, over the area of both together."""
    sides = torch.minimum(box[..., 2:], others[..., 2:]) - torch.maximum(box[..., :2], others[..., :2])
    shared = sides.clamp_(min=0).prod(-1)
    return shared / ((box[..., 2:] - box[..., :2]).prod(-1) + (others[..., 2:] - others[..., :2]).prod(-1) - shared)


@torch.no_grad()
def nms(boxes: Tensor, scores: Tensor, count: int, overlap: float, apart: Tensor | None = None) -> Tensor:
    """The numbers of the `count` best boxes that overlap no better one by more (Girshick et al. 2014); where fewer
    stay, of the best one again. Boxes with unlike numbers in `apart` do not suppress each other.
    """
    order = scores.argsort(dim=1, descending=True, stable=True)
    boxes = boxes.gather(1, order[..., None].expand_as(boxes))
    groups = None if apart is None else apart.expand_as(order).gather(1, order)
    left = torch.ones_like(order)
    chosen = []
    for _ in range(count):
        best = left.argmax(1, keepdim=True)
        chosen.append(best)
        box = boxes.gather(1, best[..., None].expand(-1, -1, 4))
        is_covered = overlaps(box, boxes) > overlap
        if groups is not None:
            is_covered &= groups.gather(1, best) == groups
        left.masked_fill_(is_covered, 0).scatter_(1, best, 0)
    return order.gather(1, torch.cat(chosen, 1))
''',
    ("Tensor", "torch"),
)
