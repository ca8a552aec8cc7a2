"""What is asked of a tensor: its shape, and the sizes of its axes by name."""

from __future__ import annotations

from math import prod
from typing import Any

from archdsl.elaborate.kinds import BAD_ARITHMETIC, BUDGET_EXCEEDED, CHANNELS_MOVED, KIND_MISMATCH, UNKNOWN_NAME
from archdsl.elaborate.problems import Fault
from archdsl.elaborate.values import Tensors, kind_of, show
from archdsl.ir import LARGEST_SIZE, NAMED_SIZES, Shape, Size, show_shape
from archdsl.source import Edit, Span, nearest

ELEMENTS_LIMIT = 2**63 - 1
"""Elements of one tensor, for one sample: PyTorch counts them in 64 bits."""

TOO_LARGE = "what no machine holds is rarely meant: lower the largest of the sizes"


def check_extent(name: str, shape: Shape, span: Span, *helps: str) -> None:
    """Raises `Fault` for a tensor that is too large for anything to hold it, as far as its sizes are known."""
    known = [size for size in shape if not isinstance(size, Size)]
    largest = max(known, default=1)
    if largest > LARGEST_SIZE:
        message = f"a size is at most {LARGEST_SIZE:_}, and `{name}` has one of {_rounded(largest)}"
    elif prod(known) > ELEMENTS_LIMIT:
        message = f"a tensor has at most {ELEMENTS_LIMIT:_} elements, and `{name}` has {_rounded(prod(known))}"
    else:
        return
    raise Fault(BUDGET_EXCEEDED, message, span, show_shape(shape), helps=helps or (TOO_LARGE,))


def _rounded(count: int) -> str:
    return f"{count:_}" if count < 10**24 else f"about 10^{len(str(count)) - 1}"


def tensor_attribute(value: Any, name: str, span: Span) -> Any:
    """`x.shape`, `x.channels` and the like. Raises `Fault`."""
    if not isinstance(value, Tensors) or len(value.values) != 1:
        is_item = isinstance(value, Tensors) and name.isdecimal()
        item = f"{span.text.removesuffix(name).rstrip('. ')}[{name}]"
        raise Fault(
            KIND_MISMATCH,
            f"`.{name}` is asked of a tensor, not of {kind_of(value)}",
            span,
            helps=(f"an item of a list is `{item}`",) if is_item else (),
            edit=Edit(span, item) if is_item else None,
        )
    shape = value.values[0].type.shape
    if name == "shape":
        return shape
    if name == "rank":
        return len(shape)
    if name not in NAMED_SIZES:
        raise Fault.misnamed(
            UNKNOWN_NAME,
            f"a tensor has no `{name}`",
            Span(span.source, span.end - len(name), span.end),
            nearest(name, {*NAMED_SIZES, "shape", "rank"}),
            helps=("it has shape, rank, channels, depth, height, width and features",),
        )
    moved = value.values[0].channels
    if moved and name != "features":
        raise Fault(
            CHANNELS_MOVED,
            f"`.{name}` counts on channels first, and those of this {show(shape)} are axis {moved}",
            span,
            show(shape),
            helps=("name the axis: " + ", ".join(f"`.shape[{a}]` is {n}" for a, n in enumerate(shape)),),
        )
    axis, needed = NAMED_SIZES[name]
    if len(shape) < needed:
        raise Fault(BAD_ARITHMETIC, f"a tensor of shape {show(shape)} has no {name}", span, show(shape))
    return shape[axis]
