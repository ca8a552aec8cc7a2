"""Several tensors in, one out: what the merges have in common."""

from __future__ import annotations

from itertools import accumulate
from typing import ClassVar

from archdsl.ir import Expression, Extra, Lowering, Misfit, Op, Saved, Shape, TensorType, Types

AXIS_NAMES = {3: ("channels", "height", "width"), 4: ("channels", "depth", "height", "width")}


class Merge(Op):
    """Base of the operators that join one or more values."""

    category = "merge"
    operands = None
    numbered = False


class Elementwise(Merge):
    """Base of the merges that work element by element. Sizes agree or are 1: a gate `[C, 1, 1]` goes with a map."""

    operator: ClassVar[str]
    """How two operands are joined, as a template: `{0} + {1}`. Templates of more nest it to the left."""
    keeps_operands: ClassVar[bool] = False
    """Whether backward reads the operands."""

    def infer(self, *operands: TensorType) -> Types:
        check_one_dtype(self.name, operands)
        if operands[0].dtype == "bool":
            raise Misfit(f"`{self.name}` reads numbers, not bool", code="wrong-dtype", operand=0)
        return (partial_results(self.name, operands)[-1],)

    def saved(self, operands: Types, results: Types) -> Saved:
        if not self.keeps_operands or len(operands) == 1:
            return Saved()
        between = partial_results(self.name, operands)[1:-1]
        return Saved(tuple(range(len(operands))), extra=tuple(_partial(t) for t in between))

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        """The result of all operands but the last, while the last joins it."""
        return tuple(_partial(t) for t in partial_results(self.name, operands)[1:-1][-1:])

    def pytorch(self, *operands: TensorType) -> Lowering:
        names = [f"{{{i}}}" for i in range(len(operands))]
        template, *joined = accumulate(names, lambda done, name: self.operator.replace("{1}", name).replace("{0}", done, 1))
        return Lowering(function=Expression(joined[-1] if joined else template, ("torch",) if "torch" in self.operator else ()))


def partial_results(op: str, operands: Types) -> Types:
    """The types of the first operand, of the first two joined, and so on. Raises `Misfit`."""
    done = [operands[0]]
    for index, x in enumerate(operands[1:], start=1):
        done.append(x.with_shape(_joined(op, done[-1].shape, x.shape, index)))
    return tuple(done)


def _joined(op: str, left: Shape, right: Shape, index: int) -> Shape:
    check_same_rank(op, left, right, index)
    check_axes(op, left, right, index, [a for a, (m, n) in enumerate(zip(left, right, strict=True)) if m != n and 1 not in (m, n)])
    return tuple(map(max, left, right))


def check_one_dtype(op: str, operands: Types) -> None:
    """Raises `Misfit` at the first operand of another element type."""
    for index, x in enumerate(operands):
        if x.dtype != operands[0].dtype:
            raise Misfit(
                f"the arms of `{op}` hold different types of numbers",
                code="wrong-dtype",
                operand=index,
                label=f"{x.dtype}, not {operands[0].dtype}",
            )


def check_same_rank(op: str, first: Shape, other: Shape, index: int) -> None:
    """Raises `Misfit` where the numbers of axes differ."""
    if len(first) != len(other):
        raise Misfit(
            f"the arms of `{op}` have different shapes",
            code="shape-mismatch",
            operand=index,
            label=f"{len(other)} {'axis' if len(other) == 1 else 'axes'}, not {len(first)}",
            help="a gate keeps its axes: [C, 1, 1] beside [C, H, W]" if 1 in (len(first), len(other)) else None,
        )


def check_axes(op: str, first: Shape, other: Shape, index: int, differing: list[int]) -> None:
    """Raises `Misfit` that names the axes at fault, if there are any."""
    if not differing:
        return
    names = AXIS_NAMES.get(len(first), tuple(f"axis {a}" for a in range(len(first))))
    sizes = ", ".join(f"{names[a]} {other[a]}, not {first[a]}" for a in differing)
    raise Misfit(f"the arms of `{op}` have different shapes", code="shape-mismatch", operand=index, label=sizes)


def _partial(type: TensorType) -> Extra:
    return Extra("partial result", type.shape, type.dtype)
