"""Where the elements of a tensor lie: PyTorch's rules for the strides of results, with the batch axis among the sizes.

Sizes and strides are those of PyTorch's tensors, in elements. A batch that is not known counts as `BATCH`, a number that no
size of a network equals, so what holds for it holds for every batch of two or more; for one sample it is put at 1. Where
sizes are open, elements lie as they do at the example: strides are formulas, which are compared there.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from operator import mul

from archdsl.ir.sizes.size import at_example, open_size

Shape = tuple[int, ...]

BATCH = 2**61 - 1
"""Stands for a batch of unknown size; a prime."""

CHANNELS_LAST = {3: (0, 2, 1), 4: (0, 2, 3, 1), 5: (0, 2, 3, 4, 1)}
"""The axes of a batch of maps, by their number, from the slowest to the fastest where channels are stored last."""


def contiguous(sizes: Shape) -> Shape:
    """The strides of a tensor whose last axis runs fastest. An empty axis counts as one."""
    return tuple(accumulate((max(n, 1) for n in reversed(sizes[1:])), mul, initial=1))[::-1] if sizes else ()


def is_contiguous(sizes: Shape, strides: Shape) -> bool:
    """Whether elements follow each other in order. The stride of an axis of size 1 is never used."""
    sizes, strides = at_example(sizes), at_example(strides)
    return all(n == 1 or s == c for n, s, c in zip(sizes, strides, contiguous(sizes), strict=True))


def in_order(sizes: Shape, axes: Sequence[int]) -> Shape:
    """The strides of a tensor without gaps, whose axes run from the slowest to the fastest as listed."""
    packed = contiguous(tuple(sizes[a] for a in axes))
    strides = [0] * len(sizes)
    for axis, stride in zip(axes, packed, strict=True):
        strides[axis] = stride
    return tuple(strides)


def is_channels_last(sizes: Shape, strides: Shape) -> bool:
    """Whether PyTorch's kernels for maps take them to be stored channels last (`is_channels_last_strides_2d` in c10)."""
    order = CHANNELS_LAST.get(len(sizes))
    if order is None or strides[1] == 0:
        return False
    sizes, strides = at_example(sizes), at_example(strides)
    least = 0
    for axis in reversed(order):
        if strides[axis] < least or (axis == 0 and least == strides[1]):
            return False
        least = strides[axis] * sizes[axis]
    return True


def view(sizes: Shape, strides: Shape, new: Shape) -> Shape | None:
    """The strides of the same elements in another shape; None where that takes a copy (`computeStride_impl` in ATen)."""
    found = [0] * len(new)
    at = len(new) - 1
    base = strides[-1] if strides else 1
    known, steps, shape = at_example(sizes), at_example(strides), at_example(new)
    inside = 1
    for axis in range(len(sizes) - 1, -1, -1):
        inside *= known[axis]
        if axis and (known[axis - 1] == 1 or steps[axis - 1] == inside * at_example((base,))[0]):
            continue
        seen, many = 1, 1
        while at >= 0 and (many < inside or shape[at] == 1):
            found[at] = seen * base
            seen *= new[at]
            many *= shape[at]
            at -= 1
        if many != inside:
            return None
        if axis:
            base, inside = strides[axis - 1], 1
    while at >= 0 and shape[at] == 1:
        found[at] = base
        at -= 1
    return tuple(found) if at < 0 else None


def sizes_together(left: Shape, right: Shape) -> Shape:
    """The sizes of two tensors that are worked on together: a size of 1 goes with any other."""
    return tuple(n if m == 1 else m for m, n in zip(left, right, strict=True))


def broadcast(sizes: Shape, strides: Shape, result: Shape) -> Shape:
    """The strides of an operand that is repeated to the result's sizes."""
    missing = len(result) - len(sizes)
    own = (0 if n == 1 != r else s for n, s, r in zip(sizes, strides, result[missing:], strict=True))
    return (0,) * missing + tuple(own)


def elementwise(result: Shape, *operands: tuple[Shape, Shape]) -> Shape:
    """The strides of what an elementwise kernel makes of operands with these sizes and strides (`TensorIterator`)."""
    if all(sizes == result for sizes, _ in operands):
        if all(is_contiguous(*o) for o in operands):
            return contiguous(result)
        if len(result) == 4 and all(is_packed(*o) for o in operands):
            return in_order(result, CHANNELS_LAST[4])
        first = operands[0][1]
        if is_dense(*operands[0]) and all(strides == first for _, strides in operands):
            return first
    steps = [broadcast(*o, result) for o in operands]
    return in_order(result, _order(at_example(result), [*map(at_example, steps)])[::-1])


def is_packed(sizes: Shape, strides: Shape) -> bool:
    """Whether a map is stored channels last without gaps. The stride of an axis of size 1 is never used."""
    sizes, strides = at_example(sizes), at_example(strides)
    packed = in_order(sizes, CHANNELS_LAST[len(sizes)])
    return all(n == 1 or s == p for n, s, p in zip(sizes, strides, packed, strict=True))


def is_dense(sizes: Shape, strides: Shape) -> bool:
    """Whether the elements fill their storage without gaps, in whatever order."""
    sizes, strides = at_example(sizes), at_example(strides)
    used = sorted((s, n) for n, s in zip(sizes, strides, strict=True) if n != 1)
    return [s for s, _ in used] == list(contiguous(tuple(n for _, n in reversed(used))))[::-1]


def at_one(numbers: Shape) -> Shape:
    """Sizes or strides for a batch of one."""
    return tuple([_at_one(n) for n in numbers])


def _at_one(number: int) -> int:
    size = open_size(number)
    if size is None:
        return number // BATCH if number and number % BATCH == 0 else number
    return number // BATCH if all(factor % BATCH == 0 for _, factor in size.terms) else number


def _order(result: Shape, operands: Sequence[Shape]) -> list[int]:
    """The axes from the fastest to the slowest (`reorder_dimensions`): an insertion sort, in which some do not compare."""
    order = list(range(len(result)))[::-1]
    for start in range(1, len(order)):
        moved = start
        for at in range(start - 1, -1, -1):
            compared = _compare(order[at], order[moved], result, operands)
            if compared > 0:
                order[at], order[moved] = order[moved], order[at]
                moved = at
            elif compared < 0:
                break
    return order


def _compare(faster: int, slower: int, result: Shape, operands: Sequence[Shape]) -> int:
    for strides in operands:
        if not strides[faster] or not strides[slower]:
            continue
        if strides[faster] != strides[slower]:
            return 1 if strides[faster] > strides[slower] else -1
        if result[faster] > result[slower]:
            return 1
    return 0
