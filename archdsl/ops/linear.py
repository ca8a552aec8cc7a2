"""`linear`: a dense layer over the last axis."""

from __future__ import annotations

from math import prod
from typing import ClassVar, Self

from archdsl.ir import (
    RESULT,
    WHOLE,
    Call,
    Derivative,
    Examples,
    Extra,
    Gradient,
    Incoming,
    Kernel,
    Lowering,
    Misfit,
    Op,
    Reach,
    Saved,
    Shape,
    State,
    TensorType,
    Types,
    Wanted,
)
from archdsl.ir.op.attrs import Field, Flag, Parametrization, Size
from archdsl.ops.families.calls import keywords
from archdsl.ops.families.checks import check_weights_fit
from archdsl.ops.families.copies import Copied, copied, is_copied_now, kept, laid_in_order, made
from archdsl.ops.families.derivatives import packed
from archdsl.ops.families.moves import over
from archdsl.ops.families.products import Tensor, alone, is_by_columns
from archdsl.ops.families.reparametrized import (
    LEARNED_AS,
    check_parametrization,
    learned,
    made_weight,
    making,
    making_in_training,
    names_of_weight,
    of_made_weight,
    reparametrized,
    way_back,
)


class Linear(Op):
    """Dense layer: every output feature reads every feature of the last axis.

    A map has to be flattened first; `linear` on `[C, H, W]` reads the last axis only, and a lint says so.
    """

    name = "linear"
    category = "linear"
    autocast = "lower"
    positional = 1
    is_weight_layer = True
    reads_unbatched = True
    examples: ClassVar[Examples] = (
        ("linear(10)", "[84]", "[10]"),
        ("linear(768, bias=false)", "[197, 192]", "[197, 768]"),
    )

    features: Size = Field(description="output features")
    bias: Flag = Field(True, description="whether each output feature has a bias")
    parametrization: Parametrization | None = Field(None, description=LEARNED_AS)

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        check_weights_fit(self.name, x)
        if not x.rank:
            raise Misfit("`linear` needs at least one axis", code="wrong-rank", operand=0)
        check_parametrization(self.parametrization, self._weight(x))
        return (x.with_shape((*x.shape[:-1], self.features)),)

    def state(self, *operands: TensorType) -> tuple[State, ...]:
        weight = State("weight", self._weight(operands[0]))
        return learned(self.parametrization, (weight, State("bias", (self.features,))) if self.bias else (weight,))

    def _weight(self, x: TensorType) -> Shape:
        return (self.features, x.shape[-1])

    def _made_weight(self, x: TensorType) -> tuple[Extra, ...]:
        return made_weight(self.parametrization, self._weight(x), x.dtype)

    def _way_back(self, x: TensorType) -> tuple[Extra, ...]:
        return way_back(self.parametrization, self._weight(x))

    def connections(self, operands: Types, results: Types) -> int:
        return self.macs(operands, results) + self.bias * results[0].numel

    def fan_in(self, *operands: TensorType) -> Shape:
        return (operands[0].shape[-1],)

    def reach(self, *operands: TensorType) -> Reach:
        (x,) = operands
        return over(x, -1) if x.rank > 1 else WHOLE

    def _copied(self, x: TensorType) -> Copied:
        """PyTorch multiplies one matrix, so it wants the rows of all samples in one."""
        *rows, features = x.tensor_shape
        return "never" if len(rows) < 2 else copied(x, (prod(rows), features))

    def _copied_apart(self, x: TensorType) -> Copied:
        """With frozen weights it multiplies a batch of matrices."""
        *samples, rows, features = x.tensor_shape
        return copied(x, (prod(samples), rows, features)) if samples else "never"

    def gives_view(self, *operands: TensorType) -> bool:
        return self.bias and len(operands[0].tensor_shape) > 2

    def with_scale_and_shift(self, *operands: TensorType) -> Self | None:
        return self.replace(bias=True) if operands[0].rank == 1 and self.parametrization is None else None

    def saved(self, operands: Types, results: Types) -> Saved:
        """A made weight is kept for the gradient of the input."""
        (x,) = operands
        found = kept(x, self._copied(x), readers=names_of_weight(self.parametrization))
        made = (e._replace(readers=(0,)) for e in self._made_weight(x))
        return found._replace(extra=(*found.extra, *made, *self._way_back(x)))

    def is_cast_exactly(self, operands: Types, results: Types, *, is_lower: bool) -> bool:
        """Not of weights that are made, as those of convolutions."""
        return super().is_cast_exactly(operands, results, is_lower=is_lower) and self.parametrization is None

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        """One matrix product for the input and one for the weight, which is transposed at last, and a sum for the bias.

        Of several rows a sample the gradient is first seen as one matrix. Where these rows do not lie in order, the bias was
        added apart (`linear` in ATen's `native/Linear.cpp`).
        """
        (x,) = operands
        return of_made_weight(self._of_kernel(operands, results, incoming), self._made_weight(x), self._way_back(x))

    def _of_kernel(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        (y,) = results
        gradients = tuple(g._replace(how="reshaped") for g in self.parameter_gradients(operands))
        bias = tuple(g._replace(how="late") for g in gradients if g.of == "bias")
        weights = tuple(g for g in gradients if g.of != "bias")
        own = Gradient("x0", _lies_as_read(operands[0], is_single=incoming.is_single))
        *rows, features = y.tensor_shape
        if len(rows) < 2:
            return (Derivative((*bias, own, *weights)),)
        is_copied = is_copied_now(copied(incoming.type, (prod(rows), features)), incoming.is_single)
        seen = Gradient("rows", y, "made" if is_copied else "view")
        own, frees = own._replace(how="reshaped"), ("x0", "copy")
        is_in_order = not is_copied_now(laid_in_order(operands[0]), incoming.is_single)
        # With a bias the input is seen as a matrix before the weight is transposed, else after it.
        gives = (own, *weights) if bias and is_in_order else (*weights, own)
        if is_in_order:
            return Derivative((seen,)), Derivative((*bias, *gives), ("rows",), frees=frees)
        added = Derivative((Gradient("product", incoming.type, "same"), *bias))
        return added, Derivative((seen,), ("product",)), Derivative(gives, ("rows",), frees=frees)

    def kernels(self, operands: Types, results: Types, wanted: Wanted) -> tuple[Kernel, ...]:
        """Of weights that are made; and of frozen ones, with which samples are multiplied apart where they do not lie in order
        (`should_fold` in ATen's `native/LinearAlgebra.cpp`)."""
        (x,) = operands
        kind = self.parametrization
        is_trained = not wanted.gradients.isdisjoint(names_of_weight(kind))
        if kind is None and (is_trained or self._copied(x) == "never"):
            return ()
        how = self._copied(x) if is_trained else self._copied_apart(x.computed() if "x0" in wanted.casts else x)
        copies = made(x, how) if is_copied_now(how, wanted.is_single) else ()
        return *making_in_training(kind, self._weight(x), x.dtype), Kernel((*copies, Extra(RESULT, ())))

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        """Where elements do not lie in order a copy that does. A made weight asks for no gradient where none is made, as a
        frozen one."""
        (x,) = operands
        copy = made(x, self._copied(x)) if self.parametrization is None else ()
        return (*copy, *self._made_weight(x))

    def preparation(self, operands: Types) -> tuple[tuple[Extra, ...], ...]:
        return making(self.parametrization, self._weight(operands[0]), operands[0].dtype)

    def pytorch(self, *operands: TensorType) -> Lowering:
        call = Call("nn.Linear", (operands[0].shape[-1], self.features), keywords(bias=(self.bias, True)))
        return reparametrized(self.parametrization, Lowering(call))

    def summary(self) -> str:
        return f"linear {self.features}"


def _lies_as_read(x: TensorType, *, is_single: bool) -> TensorType:
    """How the gradient of a matrix lies: by columns where the matrix does (`mm_mat1_grad` in ATen's `FunctionsManual.cpp`)."""
    found = Tensor.of(x)
    return x if is_by_columns(alone(found) if is_single else found) else packed(x)
