"""Several tensors in, one out: what the merges have in common."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

from archdsl.ir import Expression, Extra, Lowering, Misfit, Op, Saved, Shape, TensorType, Types
from archdsl.ops.families.checks import check_float

AXIS_NAMES = {3: ("channels", "height", "width"), 4: ("channels", "depth", "height", "width")}


class Merge(Op):
    """Base of the operators that join one or more values."""

    category = "merge"
    operands = None
    numbered = False


class Elementwise(Merge):
    """Base of the merges that work element by element, from the left, two at a time.

    Sizes agree or are 1: a gate `[C, 1, 1]` goes with a map.
    """

    def join(self, left: str, right: str) -> str:
        """Two operands joined, as Python writes it."""
        raise NotImplementedError

    def infer(self, *operands: TensorType) -> Types:
        check_one_dtype(self.name, operands)
        check_float(self.name, operands[0])
        return (self._steps(operands)[-1],)

    def _steps(self, operands: Types) -> Types:
        """The types of the first operand, of the first two joined, and so on. Raises `Misfit`."""
        steps = [operands[0]]
        for index, x in enumerate(operands[1:], start=1):
            done = steps[-1].shape
            check_same_rank(self.name, done, x.shape, index)
            sizes = tuple(zip(done, x.shape, strict=True))
            check_axes(
                self.name, done, x.shape, index, (a for a, (m, n) in enumerate(sizes) if m != n and 1 not in (m, n))
            )
            steps.append(x.with_shape(tuple(map(max, sizes))))
        return tuple(steps)

    def between(self, operands: Types) -> tuple[Extra, ...]:
        """The results that are joined further."""
        return tuple(Extra("partial result", t.shape, t.dtype) for t in self._steps(operands)[1:-1])

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        """The result of all operands but the last, while the last joins it."""
        return self.between(operands)[-1:]

    def template(self, operands: Types) -> str:
        return reduce(self.join, (f"{{{i}}}" for i in range(len(operands))))

    def pytorch(self, *operands: TensorType) -> Lowering:
        template = self.template(operands)
        return Lowering(function=Expression(template, ("torch",) if "torch." in template else ()))


class Product(Elementwise):
    """Base of the elementwise merges whose backward reads what went into them."""

    def saved(self, operands: Types, results: Types) -> Saved:
        if len(operands) == 1:
            return Saved()
        return Saved(tuple(range(len(operands))), extra=self.between(operands))


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


def check_same_rank(op: str, first: Shape, other: Shape, operand: int) -> None:
    """Raises `Misfit` where the numbers of axes differ."""
    if len(first) != len(other):
        raise _mismatch(
            op,
            operand,
            f"{len(other)} {'axis' if len(other) == 1 else 'axes'}, not {len(first)}",
            "a gate keeps its axes: [C, 1, 1] beside [C, H, W]" if 1 in (len(first), len(other)) else None,
        )


def check_axes(op: str, first: Shape, other: Shape, operand: int, differing: Iterable[int]) -> None:
    """Raises `Misfit` that names the axes at fault, if there are any."""
    axes = tuple(differing)
    if not axes:
        return
    names = AXIS_NAMES.get(len(first), tuple(f"axis {a}" for a in range(len(first))))
    label = "; ".join(f"{names[a]} {other[a]}, not {first[a]}" for a in axes)
    if axes == (0,) and len(first) in AXIS_NAMES:
        help = f"bring one arm to the channels of the other, as by `conv({first[0]}, 1x1)`"
    else:
        help = "strides, windows and padding of the arms have to lead to the same sizes"
    raise _mismatch(op, operand, label, help)


def _mismatch(op: str, operand: int, label: str, help: str | None) -> Misfit:
    return Misfit(
        f"the arms of `{op}` have different shapes", code="shape-mismatch", operand=operand, label=label, help=help
    )
