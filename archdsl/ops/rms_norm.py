"""`rms_norm`: root mean square normalization."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import (
    RESULT,
    Derivative,
    Examples,
    Extra,
    Gradient,
    Incoming,
    Kernel,
    KernelPrecision,
    Lowering,
    Op,
    Reach,
    Saved,
    Shape,
    State,
    TensorType,
    Types,
    Wanted,
)
from archdsl.ir.op.attrs import Axis, Field, Positive
from archdsl.ir.strides import CHANNELS_LAST, is_channels_last
from archdsl.ops.families.axis_norm import axis_norm, places
from archdsl.ops.families.calls import keywords
from archdsl.ops.families.checks import check_axis, check_weights_fit
from archdsl.ops.families.moves import over


class RMSNorm(Op):
    """Root mean square normalization, Zhang & Sennrich 2019: x / sqrt(mean(x * x) + eps) * weight along one axis.

    It is `ln` without mean and bias. LLaMA has it, Touvron et al. 2023, with `eps=1e-6`.
    """

    name = "rms_norm"
    category = "norm"
    autocast = "float32"
    positional = 1
    reads_unbatched = True
    stops_behind = "x/rms"
    examples: ClassVar[Examples] = (
        ("rms_norm(eps=1e-6)", "[128, 4096]", "[128, 4096]"),
        ("rms_norm(axis=0)", "[96, 56, 56]", "[96, 56, 56]"),
    )

    axis: Axis = Field(-1, description="the axis whose elements are normalized together")
    eps: Positive | None = Field(None, description="added to the mean square; unless given, what float32 adds to 1")

    def _axis(self, x: TensorType) -> int:
        return check_axis(self.name, self.axis, x)

    def infer(self, *operands: TensorType) -> Types:
        (x,) = operands
        check_weights_fit(self.name, x)
        # PyTorch lays the result out as the operand: channels last, or in order. This is so with the axis moved to the end.
        order = self._order(x)
        axes = CHANNELS_LAST[len(order)] if self._is_channels_last(x) else range(len(order))
        return (x.in_order(x.shape, tuple(order[a] for a in axes)),)

    def _order(self, x: TensorType) -> Shape:
        """The axes of the tensor with the one that is normalized at the end."""
        last = self._axis(x) + x.batched
        return (*(a for a in range(x.rank + x.batched) if a != last), last)

    def _is_channels_last(self, x: TensorType) -> bool:
        """Whether the operand lies so once the axis is at the end."""
        order = self._order(x)
        sizes, strides = (tuple(s[a] for a in order) for s in (x.tensor_shape, x.tensor_strides))
        return len(sizes) > 3 and is_channels_last(sizes, strides)

    def state(self, *operands: TensorType) -> tuple[State, ...]:
        (x,) = operands
        return (State("weight", (x.shape[self.axis],)),)

    def reach(self, *operands: TensorType) -> Reach:
        return over(operands[0], self.axis)

    @property
    def is_composed(self) -> bool:
        return True

    def saved(self, operands: Types, results: Types) -> Saved:
        """What was normalized is kept for the weight, the rest for the operand."""
        root, normalized = self._normalizing(operands[0])
        extra = root._replace(readers=(0,)), normalized._replace(readers=("weight",))
        return Saved(for_some=((0, (0,)),), extra=extra)

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        return self._normalizing(operands[0])

    def _normalizing(self, x: TensorType) -> tuple[Extra, Extra]:
        return Extra("1/rms", places(x, self._axis(x)), batched=x.batched), Extra.like("x/rms", x)

    def kernels(self, operands: Types, results: Types, wanted: Wanted) -> tuple[Kernel, ...]:
        """Of squares, their mean and root, and two products (`rms_norm_composite` in ATen's `native/layer_norm.cpp`). Along
        another axis than the last, PyTorch then puts the last one in order by a copy."""
        (x,) = operands
        root, normalized = self._normalizing(operands[0])
        square, product = (Extra.like(name, x) for name in ("square", "x/rms*weight"))
        steps = (
            Kernel((square,)),
            Kernel((root._replace(name="mean"), root), ("mean", "square")),
            Kernel((normalized,)),
        )
        result = Extra(RESULT, ())
        if results[0].tensor_strides == x.tensor_strides:
            return *steps, Kernel((result,))
        return *steps, Kernel((product,), (normalized.name,)), Kernel((result,))

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        """Of the products with the weight and with the root, of the root, the mean and the square."""
        x = operands[0].with_shape(operands[0].shape)
        (weight,) = self.parameter_gradients(operands)
        root = x.with_shape(places(x, self._axis(x)))
        return (
            Derivative((Gradient("x/rms", x), weight._replace(whole=x, how="reshaped"))),
            Derivative((Gradient("x0", x), Gradient("root", root, whole=x)), ("x/rms",)),
            Derivative((Gradient("mean", root, scratch=(root, root)),), ("root",), frees=("1/rms",)),
            Derivative((Gradient("square", x),), ("mean",)),
            Derivative((Gradient("x0", x, scratch=(x, x)),), ("square",), frees=("x0",)),
        )

    def on_cuda(self, *operands: TensorType, precision: KernelPrecision = "float32") -> Op:
        """One kernel (`_fused_rms_norm`), but for what lies channels last (`rms_norm_symint` in `native/layer_norm.cpp`)."""
        (x,) = operands
        return self if self._is_channels_last(x) else _FusedRMSNorm(**self.attributes)

    def on_cpu(self, *operands: TensorType, precision: KernelPrecision = "float32") -> Op:
        return _RaisedRMSNorm(**self.attributes) if precision == "half" else self

    def on_lower(self, *operands: TensorType) -> Op:
        return _CastRMSNorm(**self.attributes)

    def gives_view(self, *operands: TensorType) -> bool:
        return self._axis(operands[0]) != operands[0].rank - 1

    def pytorch(self, *operands: TensorType) -> Lowering:
        (x,) = operands
        given = keywords(eps=(self.eps, None))
        return axis_norm("RMSNorm", "Root mean square normalization", x, self._axis(x), given)


class _FusedRMSNorm(RMSNorm):
    """What it normalizes is kept, and the root of each place."""

    def saved(self, operands: Types, results: Types) -> Saved:
        return Saved((0,), extra=self.scratch(operands, results))

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        (x,) = operands
        return (Extra("1/rms", places(x, self._axis(x)), batched=x.batched, is_float32=True),)

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        return (Derivative((*self.own_gradients(operands), *self.parameter_gradients(operands))),)

    def kernels(self, operands: Types, results: Types, wanted: Wanted) -> tuple[Kernel, ...]:
        return ()


class _RaisedRMSNorm(RMSNorm):
    """In half precision all steps run in float32: the operand is cast first, and the result at last."""

    def saved(self, operands: Types, results: Types) -> Saved:
        raised = self._raised(operands[0])._replace(readers=(0,))
        extra = (*super().saved(operands, results).extra, raised)
        return Saved(extra=tuple(e._replace(is_float32=True) for e in extra))

    def preparation(self, operands: Types) -> tuple[tuple[Extra, ...], ...]:
        """All that there is before the result is cast."""
        (x,) = operands
        made = (*self._normalizing(x), self._product(x))
        return ((self._raised(x), *(e._replace(is_float32=True) for e in made)),)

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        return (self._product(operands[0])._replace(is_float32=True),)

    def _product(self, x: TensorType) -> Extra:
        return Extra.like("result in float32", x)

    def _raised(self, x: TensorType) -> Extra:
        return Extra.like("x in float32", x)._replace(is_float32=True)

    def kernels(self, operands: Types, results: Types, wanted: Wanted) -> tuple[Kernel, ...]:
        *steps, last = super().kernels(operands, results, wanted)
        raised = [
            step._replace(makes=tuple(e._replace(is_float32=True) for e in step.makes))
            for step in (*steps, Kernel((self._product(operands[0]),), ("x in float32", "x/rms", "x/rms*weight")))
        ]
        return Kernel((self._raised(operands[0]),)), *raised, last

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        """Of the cast of the result, all steps, a cast of the weight's gradient, and that of the operand."""
        x = operands[0].with_shape(operands[0].shape)
        normalized, *steps = super().backward(operands, results, incoming)
        last = {"x0": "raised", "weight": "weight in float32"}
        raised = [
            step._replace(
                gives=tuple(g._replace(of=last.get(g.of, g.of), is_float32=True) for g in step.gives),
                takes=("product",) if step is normalized else step.takes,
                frees={0: ("x/rms",), 2: ("1/rms",), 4: ("x in float32",)}.get(i, ()),
            )
            for i, step in enumerate((normalized, *steps))
        ]
        (weight,) = self.parameter_gradients(operands)
        return (
            Derivative((Gradient("product", x, is_float32=True),)),
            raised[0],
            Derivative((weight,), ("weight in float32",)),
            *raised[1:],
            Derivative((Gradient("x0", x),), ("raised",)),
        )


class _CastRMSNorm(_RaisedRMSNorm):
    """The same under autocast, which leaves the weight in float32: its gradient needs no cast."""

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        product, of_weight, _, *steps = super().backward(operands, results, incoming)
        of_normalized, weight = of_weight.gives
        return product, of_weight._replace(gives=(of_normalized, weight._replace(of="weight"))), *steps
