"""`lrn`: local response normalization."""

from __future__ import annotations

from math import prod
from typing import ClassVar

from archdsl.ir import (
    RESULT,
    Derivative,
    Examples,
    Extra,
    Gradient,
    Incoming,
    Kernel,
    Lowering,
    Misfit,
    Module,
    Op,
    Saved,
    TensorType,
    Types,
    Value,
    Wanted,
    number,
    show_shape,
)
from archdsl.ir.op.attrs import Field, Number, Size
from archdsl.ops.avgpool import AvgPool
from archdsl.ops.divide import Divide
from archdsl.ops.families.calls import call_and_function, keywords
from archdsl.ops.families.checks import check_float
from archdsl.ops.families.derivatives import quotient
from archdsl.ops.families.primitives import Program
from archdsl.ops.multiply import Multiply
from archdsl.ops.pad import zeros_around
from archdsl.ops.pow import Power
from archdsl.ops.reshape import Reshape
from archdsl.ops.scale import Scale
from archdsl.ops.shift import Shift


class LocalResponseNorm(Op):
    """Local response normalization over channels, Krizhevsky et al. 2012, section 3.3.

    x_c / (k + alpha / size * sum of x_j^2)^beta, the sum over the `size` channels around c. As in PyTorch alpha is
    divided by the size; the paper's alpha is not.
    """

    name = "lrn"
    category = "norm"
    positional = 1
    examples: ClassVar[Examples] = (
        ("lrn", "[96, 55, 55]", "[96, 55, 55]"),
        ("lrn(size=5, alpha=1e-4, beta=0.75, k=2)", "[96, 55, 55]", "[96, 55, 55]"),
    )

    size: Size = Field(5, description="channels in a sum")
    alpha: Number = Field(1e-4, description="factor of the mean of squares")
    beta: Number = Field(0.75, description="exponent")
    k: Number = Field(1, description="added to the mean of squares")

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        check_float(self.name, x)
        if x.rank < 2:
            raise Misfit(
                f"`lrn` needs channels and a spatial axis, not {show_shape(x.shape)}", code="wrong-rank", operand=0
            )
        result = x.computed()
        if x.rank > 3 and result.strides is not None and result.viewed_as((*x.shape[:2], prod(x.shape[2:]))) is None:
            raise Misfit(
                "PyTorch's `lrn` cannot read a volume whose axes were moved",
                code="shape-mismatch",
                operand=0,
                label="rows and columns do not lie one after the other",
                help="normalize before the axes are moved",
            )
        return (result,)

    def _padded_squares(self, x: TensorType) -> Extra:
        return Extra("padded squares", (x.channels + self.size - 1, *x.sizes), x.dtype)

    @property
    def is_composed(self) -> bool:
        return True

    def saved(self, operands: Types, results: Types) -> Saved:
        (x,) = operands
        made = (Extra(name, x.shape, x.dtype) for name in ("base", "denominator"))
        return Saved(operands=(0,), extra=(self._padded_squares(x), *made), numbers=1, numbers_for=(0,))

    def preparation(self, operands: Types) -> tuple[tuple[Extra, ...], ...]:
        return ((Extra.like("squares", operands[0]), self._padded_squares(operands[0])),)

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        """Three terms of the denominator and a number; the result takes the place of one."""
        (x,) = operands
        return Extra("terms of the denominator", (2, *x.shape), x.dtype), Extra("number", (), "float64", batched=False)

    def kernels(self, operands: Types, results: Types, wanted: Wanted) -> tuple[Kernel, ...]:
        """Of squares, their mean over channels, and three terms of the denominator (`local_response_norm` in
        `torch/nn/functional.py`)."""
        (x,) = operands
        squares, mean, scaled, base, denominator = (
            Extra.like(name, x) for name in ("squares", "mean", "scaled", "base", "denominator")
        )
        padded = self._padded_squares(x)
        return (
            Kernel((squares,)),
            Kernel((padded,), ("squares",)),
            Kernel((mean,), (padded.name,)),
            Kernel((number(0), scaled), ("number 0",)),
            Kernel((number(1), base), ("number 1", "scaled")),
            Kernel((denominator,), ("mean", "base")),
            Kernel((Extra(RESULT, ()),)),
        )

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        """Of the quotient, the power, alpha, the mean over channels, its padding and the product of the input with itself."""
        x = operands[0].computed()
        squares = self._padded_squares(x)
        return (
            Derivative(quotient(("x0", x), ("denominator", x), x, incoming.type)),
            Derivative((Gradient("base", x, scratch=(x, x)),), ("denominator",), frees=("base",)),
            Derivative((Gradient("mean", x),), ("base",), frees=("number 0",)),
            Derivative((Gradient("padded", x.with_shape(squares.shape)),), ("mean",), frees=(squares.name,)),
            Derivative((Gradient("squares", x),), ("padded",)),
            Derivative((Gradient("x0", x), Gradient("x0", x)), ("squares",), frees=("x0",)),
        )

    def is_known_in_half(self, operands: Types) -> bool:
        """A CPU has no kernel for the mean over channels then."""
        return False

    def program_under_autocast(self, operands: Types, *, is_single: bool) -> Module | None:
        """Each step by itself: on a CPU the mean goes on in float32, on a GPU the power. Maps that do not lie in order are not
        followed, nor those that are normalized one by one."""
        (x,) = operands
        if self.size == 1 or not x.lies_in_order(is_single=is_single):
            return None
        sizes = (1, x.channels, *(x.sizes if x.rank < 4 else (x.sizes[0], prod(x.sizes[1:]))))
        beside = tuple((0, 0) for _ in sizes[2:])
        window, around = (self.size, *(1 for _ in beside)), (self.size // 2, (self.size - 1) // 2)
        none, one = ((0, 0), *beside), (1,) * len(window)
        program = Program(Value(x))
        (value,) = program.module.inputs
        (found,) = program.run(Multiply(), value, value)
        for step in (
            Reshape(shape=sizes),
            zeros_around((around, *beside)),
            AvgPool(window=window, stride=one, pad=none, round="floor", count_pad=True),
            Reshape(shape=x.shape),
        ):
            (found,) = program.run(step, found)
        mean = found
        for term in (Scale(by=self.alpha), Shift(by=self.k), Power(exponent=self.beta)):
            (found,) = program.run(term, found)
        program.hold(mean)
        program.module.outputs += program.run(Divide(), value, found)
        return program.module

    def is_cast_exactly(self, operands: Types, results: Types, *, is_lower: bool) -> bool:
        return not is_lower

    def pytorch(self, *operands: TensorType) -> Lowering:
        given = keywords(alpha=(self.alpha, 1e-4), beta=(self.beta, 0.75), k=(self.k, 1.0))
        return call_and_function("LocalResponseNorm", "local_response_norm", (self.size,), given)
