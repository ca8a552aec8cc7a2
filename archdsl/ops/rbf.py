"""`rbf`: squared distances to centers."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import (
    WHOLE,
    Derivative,
    Examples,
    Extra,
    Gradient,
    Helper,
    Incoming,
    Lowering,
    Misfit,
    Op,
    Reach,
    Saved,
    State,
    TensorType,
    Types,
)
from archdsl.ir.op.attrs import Field, Flag, Size
from archdsl.ops.families.calls import helper_call, keywords
from archdsl.ops.families.checks import check_weights_fit


class Rbf(Op):
    """Euclidean radial basis functions: the squared distance of the input to each center, sum((x - w)^2).

    LeCun et al. 1998 end LeNet-5 with ten, whose centers are bitmaps of the digits in -1 and 1, set by hand and not
    trained; here they start at random and are kept as a buffer unless `trainable`.
    """

    name = "rbf"
    category = "linear"
    autocast = "float32"
    positional = 1
    examples: ClassVar[Examples] = (("rbf(10)", "[84]", "[10]"),)

    centers: Size = Field(description="number of centers")
    trainable: Flag = Field(False, description="whether training moves the centers")

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        check_weights_fit(self.name, x)
        if x.rank != 1:
            raise Misfit(
                f"`rbf` reads a vector, not {x}", code="wrong-rank", operand=0, help="`flatten` makes a map one vector"
            )
        return (x.with_shape((self.centers,)),)

    def state(self, *operands: TensorType) -> tuple[State, ...]:
        shape = (self.centers, *operands[0].shape)
        return (State("weight", shape, role="parameter" if self.trainable else "frozen"),)

    def connections(self, operands: Types, results: Types) -> int:
        return operands[0].numel * self.centers

    def fan_in(self, *operands: TensorType) -> tuple[int, ...]:
        return operands[0].shape

    def reach(self, *operands: TensorType) -> Reach:
        return WHOLE

    @property
    def counts_neurons(self) -> bool:
        return True

    def saved(self, operands: Types, results: Types) -> Saved:
        (x,) = operands
        return Saved(extra=(Extra("differences", (self.centers, *x.shape), x.dtype),))

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        """Differences and their squares, which are gone before the result is there."""
        (x,) = operands
        return (Extra("differences and squares", (self.centers * (2 * x.numel - 1),), x.dtype),)

    def training_scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        return (Extra("squares", (self.centers, *operands[0].shape), operands[0].dtype),)

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        """Of the square by a power and two products, then of the differences."""
        (x,) = operands
        differences = x.with_shape((self.centers, *x.shape))
        square = Gradient("differences", differences, scratch=(differences, differences))
        weight = (g._replace(whole=differences) for g in self.parameter_gradients(operands))
        return Derivative((square,)), Derivative((Gradient("x0", x.with_shape(x.shape)), *weight), ("differences",))

    def is_cast_exactly(self, operands: Types, results: Types, *, is_lower: bool) -> bool:
        return False

    def pytorch(self, *operands: TensorType) -> Lowering:
        args = (operands[0].numel, self.centers)
        return helper_call(_RBF, args, keywords(trainable=(self.trainable, False)))

    def summary(self) -> str:
        return f"rbf {self.centers}"


_RBF = Helper(
    "RBF",
    '''
class RBF(nn.Module):
    """Squared distances to centers, which start as random bitmaps of -1 and 1 (LeCun et al. 1998)."""

    weight: Tensor

    def __init__(self, in_features: int, centers: int, trainable: bool = False) -> None:
        super().__init__()
        weight = 2.0 * torch.randint(0, 2, (centers, in_features)) - 1.0
        if trainable:
            self.weight = nn.Parameter(weight)
        else:
            self.register_buffer("weight", weight)

    def forward(self, x: Tensor) -> Tensor:
        return (x.unsqueeze(1) - self.weight).square().sum(-1)
''',
    ("Tensor", "torch", "nn"),
)
