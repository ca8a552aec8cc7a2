"""How an operator's gradients are made, as inert data: one entry for each node of the graph that PyTorch's autograd builds.

Tensors have names: `x0`, `x1`, ... are the operands, `y0`, `y1`, ... the results, a parameter has its own name, and any
other name is a tensor in between, of an operator that PyTorch composes of several.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, Self

from archdsl.ir.strides import at_one
from archdsl.ir.types import TensorType


class Gradient(NamedTuple):
    """A gradient that a derivative gives. What nobody needs is not made, unless the kernel knows no other way."""

    of: str
    type: TensorType
    how: Literal["made", "late", "reshaped", "view", "same"] = "made"
    """A tensor of its own, a sum that is made when the kernel's tensors are there, a tensor seen in another shape, a view of
    the gradient that came in, or that gradient itself.

    PyTorch never sums into a view, since the tensor that it is a view of lives with it.
    """
    scratch: tuple[TensorType, ...] = ()
    """Tensors that are made on the way to it and gone when it is there."""
    whole: TensorType | None = None
    """What is made in its place at first, and summed over repetitions when all gradients of the node are there."""
    room: TensorType | None = None
    """A larger tensor that its storage was made for."""
    is_float32: bool = False
    """Whether all that is made for it is float32 in networks of any precision."""
    along: tuple[str, ...] = ()
    """What its kernel makes along with it, needed or not."""


def together(gives: tuple[Gradient, ...]) -> tuple[Gradient, ...]:
    """Gradients that a kernel makes all, where any of them is needed."""
    return tuple(g._replace(along=tuple(other.of for other in gives)) for g in gives)


class Derivative(NamedTuple):
    """One node of autograd's graph, run backwards.

    PyTorch makes all that it gives, then drops the gradients that came in, then the tensors that it kept.
    """

    gives: tuple[Gradient, ...]
    takes: tuple[str, ...] = ("y0",)
    """The tensors whose gradients come in."""
    frees: tuple[str, ...] = ()
    """What it kept, by name: an extra tensor, an operand, a result. The first derivative frees all that no other one names."""
    fills: tuple[TensorType, ...] = ()
    """The zeros that it makes for each gradient, where that does not come in."""
    beside: tuple[TensorType, ...] = ()
    """What it makes before its kernel runs, and drops behind it: what came in, laid in another order."""
    is_sure: bool = True
    """Whether it is known that its kernel makes what nobody needs along with what is needed."""

    def renamed(self, gradients: Mapping[str, str], kept: Mapping[str, str]) -> Self:
        """The same where gradients, and tensors that were kept, have other names."""
        gives = tuple(g._replace(of=gradients.get(g.of, g.of)) for g in self.gives)
        takes, frees = (
            tuple(names.get(name, name) for name in own) for names, own in ((gradients, self.takes), (kept, self.frees))
        )
        return self._replace(gives=gives, takes=takes, frees=frees)


class Incoming(NamedTuple):
    """The gradient of the first result as it arrives."""

    type: TensorType
    is_single: bool
    """Whether the batch has one sample."""

    def lies_as(self, other: TensorType) -> bool:
        """Whether the elements of the gradient lie as those of a tensor of its shape."""
        sizes, *both = (self.type.tensor_shape, self.type.tensor_strides, other.tensor_strides)
        if self.is_single:
            sizes, *both = map(at_one, (sizes, *both))
        return all(n == 1 or a == b for n, a, b in zip(sizes, *both, strict=True))

    def reshaped(self, of: str, target: TensorType) -> Gradient:
        """The same elements in the shape of another tensor: a view where PyTorch can, else a copy."""
        seen = self.type.viewed_as(target.shape)
        if seen is None and self.is_single and self.type.viewed_alone_as(target.shape) is not None:
            seen = target.with_shape(target.shape)
        return Gradient(of, target.with_shape(target.shape)) if seen is None else Gradient(of, seen, "view")
