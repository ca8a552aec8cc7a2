"""Functions of one value, applied element by element."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Call, Derivative, Expression, Extra, Incoming, Literal, Lowering, Op, Saved, TensorType, Types
from archdsl.ir.op.attrs import Field, Positive
from archdsl.ops.families.checks import check_float


class Elementwise(Op):
    """Base of the functions of one value, applied element by element."""

    category = "activation"
    reads_unbatched = True
    keeps_result: ClassVar[bool] = False
    """Whether backward is computed from the result; else from the operand."""

    def infer(self, *operands: TensorType) -> Types:
        check_float(self.name, operands[0])
        return (operands[0].computed(),)

    def saved(self, operands: Types, results: Types) -> Saved:
        return Saved(result=True) if self.keeps_result else Saved(operands=(0,))


class Activation(Elementwise):
    """Base of the activation functions that are both a module and a function of PyTorch."""

    module: ClassVar[str]
    """The class in `torch.nn`."""
    function: ClassVar[str]
    """The same as a function: `F.relu`."""
    reads_kept_first: ClassVar[bool] = False
    """Whether backward reads what was kept before what comes in; the first lies as the gradient does then."""
    runs_in_place: ClassVar[bool] = False
    """Whether overwriting the operand saves memory: backward then keeps the result."""
    copies_in_place: ClassVar[bool] = False
    """Whether PyTorch overwrites the operand of others too, of which backward keeps a copy: that saves memory, and time, in
    inference alone."""

    def arguments(self, x: TensorType) -> tuple[Literal, ...]:
        return ()

    def saved_in_place(self, operands: Types, results: Types) -> Saved | None:
        if self.copies_in_place:
            return Saved(extra=(Extra.like("copy of the input", operands[0]),))
        return Saved(result=True) if self.runs_in_place else None

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        """A kernel of what comes in and of what was kept."""
        (own,) = self.own_gradients(operands)
        read = results if self.keeps_result else operands
        first, second = (*read, incoming.type) if self.reads_kept_first else (incoming.type, *read)
        return (Derivative((own._replace(type=first.computed(second)),)),)

    def pytorch(self, *operands: TensorType) -> Lowering:
        args = self.arguments(operands[0])
        in_place = self.saved_in_place(operands, operands) is not None
        written = "".join(f", {a!r}" for a in args) + ("{inplace}" if in_place else "")
        return Lowering(
            Call(f"nn.{self.module}", args, inplace=in_place),
            Expression(f"{self.function}({{0}}{written})", (self.function.partition(".")[0],)),
        )


class ExponentialUnit(Activation):
    """Base of those that tend to a number below 0."""

    positional = 1
    runs_in_place = True

    alpha: Positive = Field(1, description="the value that it tends to below 0, without its sign")

    def arguments(self, x: TensorType) -> tuple[Literal, ...]:
        return () if self.alpha == 1 else (self.alpha,)
