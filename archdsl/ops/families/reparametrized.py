"""Weights that are learned as something else and made anew in each pass: `torch.nn.utils.parametrizations`."""

from __future__ import annotations

from math import prod

from archdsl.ir import (
    Call,
    Code,
    Derivative,
    Extra,
    Gradient,
    Kernel,
    Lowering,
    Misfit,
    Shape,
    State,
    TensorType,
    together,
)

LEARNED_AS = (
    "how the weight is learned: weight_norm as lengths and directions, spectral_norm over its largest singular value"
)
PREFIX = "parametrizations.weight."
MADE = "made weight"
"""What a weight over its norm is called, and the gradient of any weight that is made."""


def check_parametrization(kind: str | None, shape: Shape) -> None:
    """Raises `Misfit` for weights that have no norm to speak of."""
    if kind is not None and prod(shape) == 1:
        raise Misfit("a single weight over its norm is 1 or -1", attribute="parametrization")


def learned(kind: str | None, own: tuple[State, ...], axis: int = 0) -> tuple[State, ...]:
    """The state of a layer whose weight is learned so, in the order of its `state_dict`: the weight comes last.

    Args:
        own: the state without it, the weight first.
        axis: the axis of the weight that `spectral_norm` takes for the rows of a matrix.
    """
    weight, *others = own
    if kind is None:
        return own
    if kind == "weight_norm":
        lengths = State(f"{PREFIX}original0", (weight.shape[0], *(1 for _ in weight.shape[1:])))
        return (*others, lengths, State(f"{PREFIX}original1", weight.shape))
    rows = weight.shape[axis]
    vectors = (("_u", rows), ("_v", prod(weight.shape) // rows))
    buffers = (State(f"{PREFIX}0.{name}", (size,), role="buffer") for name, size in vectors)
    return (*others, State(f"{PREFIX}original", weight.shape), *buffers)


def names_of_weight(kind: str | None) -> tuple[str, ...]:
    """The parameters that the weight is, or is made of."""
    parts = {None: ("weight",), "spectral_norm": ("original",), "weight_norm": ("original0", "original1")}[kind]
    return parts if kind is None else tuple(PREFIX + part for part in parts)


def made_weight(kind: str | None, shape: Shape, dtype: str) -> tuple[Extra, ...]:
    """The weight that the layer runs on."""
    return () if kind is None else (Extra(MADE, shape, dtype, batched=False),)


def way_back(kind: str | None, shape: Shape, axis: int = 0) -> tuple[Extra, ...]:
    """What the gradients of that which is learned are computed from: the lengths of the rows, or the vectors and the norm."""
    if kind is None:
        return ()
    sizes: dict[str, dict[str, Shape]] = {
        "weight_norm": {"lengths": (shape[0], *(1 for _ in shape[1:]))},
        "spectral_norm": {"left vector": (shape[axis],), "right vector": (prod(shape) // shape[axis],), "norm": ()},
    }
    is_float32 = kind == "weight_norm"
    readers = names_of_weight(kind)
    return tuple(
        Extra(name, size, batched=False, readers=readers, is_float32=is_float32) for name, size in sizes[kind].items()
    )


def making(kind: str | None, shape: Shape, dtype: str, axis: int = 0) -> tuple[tuple[Extra, ...], ...]:
    """The step in which a weight is made: beside the lengths of its rows, or divided by its norm: both, the vectors, and the
    matrix where it is a copy."""
    if kind != "spectral_norm":
        return ((*way_back(kind, shape), *made_weight(kind, shape, dtype)),) if kind else ()
    first, last = prod(shape[:axis]), prod(shape[axis + 1 :])
    is_copied = min(first, shape[axis], last) > 1
    matrix = (Extra("matrix", shape, dtype, batched=False),) if is_copied else ()
    return ((*matrix, *way_back(kind, shape, axis), *made_weight(kind, shape, dtype)),)


def _normalizing(shape: Shape, dtype: str, axis: int = 0) -> tuple[Kernel, ...]:
    """The steps of `SpectralNorm` in training (`torch/nn/utils/parametrizations.py`): those that bring both vectors closer to
    the singular ones, copies of these, the norm as a product of vectors, and the weight over it."""
    kept = way_back("spectral_norm", shape, axis)
    length = Extra("length", (), dtype, batched=False)
    rows, columns = (e._replace(name="product", dtype=dtype) for e in kept[:2])
    ((*matrix, left, right, norm, weight),) = making("spectral_norm", shape, dtype, axis)
    drops = "product", "length"
    return (
        Kernel(tuple(matrix)),
        Kernel((rows, length), drops),
        Kernel((columns, length), drops),
        Kernel((left, right, rows, norm), drops),
        Kernel((weight,), ("matrix", *(extra.name for extra in kept))),
    )


def making_in_training(kind: str | None, shape: Shape, dtype: str, axis: int = 0) -> tuple[Kernel, ...]:
    """The steps in training that make a weight; `_weight_norm` gives lengths back beside it."""
    if kind == "spectral_norm":
        return _normalizing(shape, dtype, axis)
    lengths = way_back(kind, shape)
    made = (*lengths, *made_weight(kind, shape, dtype))
    return (Kernel(made, tuple(extra.name for extra in lengths)),) if made else ()


def of_made_weight(
    derivatives: tuple[Derivative, ...], made: tuple[Extra, ...], kept: tuple[Extra, ...], order: Shape | None = None
) -> tuple[Derivative, ...]:
    """The derivatives of a kernel, which ran on a made weight if there is one, and of what is learned.

    Args:
        order: the axes of the gradient of the made weight from the slowest to the fastest, where they do not lie in order.
    """
    if not made:
        return derivatives
    (weight,) = made
    at = next(i for i, d in enumerate(derivatives) if any(map(_is_weight, d.gives)))
    gives = derivatives[at].gives
    of_weight = tuple(filter(_is_weight, gives))
    plain = TensorType(weight.shape, weight.dtype, batched=False)
    ran_on = Gradient(MADE, plain if order is None else plain.in_order(plain.shape, order))
    first = gives.index(of_weight[0])
    before, after = (
        tuple(g._replace(along=(MADE,)) if g.along else g for g in own if not _is_weight(g))
        for own in (gives[:first], gives[first:])
    )
    run = derivatives[at]._replace(gives=(*before, ran_on, *after), frees=(*derivatives[at].frees, weight.name))
    back, rest = _way_to_learned(of_weight, ran_on.type, kept), derivatives[at + 1 :]
    # What is padded is padded before a weight over its norm is made, but after one of a table.
    return *derivatives[:at], run, *((*back, *rest) if weight.name == MADE else (*rest, *back))


def way_to_learned(learned: tuple[Gradient, ...], made: Extra, kept: tuple[Extra, ...]) -> tuple[Derivative, ...]:
    """The derivatives of what a weight is made of, where that is an operator of its own.

    Args:
        learned: the gradients of all parameters.
    """
    of_weight = tuple(filter(_is_weight, learned))
    first, *later = _way_to_learned(of_weight, TensorType(made.shape, made.dtype, batched=False), kept)
    return first._replace(takes=("y0",)), *later


def _way_to_learned(learned: tuple[Gradient, ...], made: TensorType, kept: tuple[Extra, ...]) -> tuple[Derivative, ...]:
    names = tuple(extra.name for extra in kept)
    if "norm" in names:
        return _of_quotient(learned[0], made, kept[0].shape)
    is_copied = "lengths" in names and not made.lies_in_order(is_single=False)
    return (Derivative(together(learned), (MADE,), frees=names, beside=(made,) if is_copied else ()),)


def _of_quotient(learned: Gradient, made: TensorType, rows: Shape) -> tuple[Derivative, ...]:
    """Of the weight over its norm, of the norm as a product of vectors, and of the matrix that one of them was made with
    (`SpectralNorm` in `torch/nn/utils/parametrizations.py`). Each makes a gradient of the weight."""
    norm = TensorType((), made.dtype, batched=False)
    plain = made.with_shape(made.shape)
    quotient = Gradient("norm", norm, whole=made, scratch=(made, made))
    return (
        Derivative((learned._replace(type=made, how="made"), quotient), (MADE,), frees=("norm",)),
        Derivative((Gradient("product", plain.with_shape(rows)),), ("norm",), frees=("left vector",)),
        Derivative((Gradient("matrix", plain),), ("product",), frees=("right vector",)),
        Derivative((learned._replace(type=plain, how="view"),), ("matrix",)),
    )


def _is_weight(gradient: Gradient) -> bool:
    return gradient.of == "weight" or gradient.of.startswith(PREFIX)


def reparametrized(kind: str | None, lowering: Lowering) -> Lowering:
    """A module whose weight is learned so."""
    if kind is None or lowering.module is None:
        return lowering
    call = lowering.module
    written = ", ".join([*map(repr, call.args), *(f"{k}={v!r}" for k, v in call.keywords)])
    module = Call(f"nn.utils.parametrizations.{kind}", (Code(f"{call.target}({written})"),))
    return lowering._replace(module=module, general=None)
