"""What `select`, `slice` and `crop` have in common: parts of a tensor, written as Python indexes."""

from __future__ import annotations

from collections.abc import Mapping

from archdsl.ir import Derivative, Expression, Gradient, Incoming, Lowering, Op, Shape, TensorType, Types, open_size


class Part(Op):
    """Base of the operators that take a part out of their operand. Nothing is copied."""

    category = "reshape"
    numbered = False
    reads_unbatched = True

    @property
    def keeps_sign(self) -> bool:
        return True

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        """Zeros of the operand's sizes, into which the gradient is written; of several axes one after the other."""
        (x, *_), (y,) = operands, results
        if x.rank != y.rank:
            return (Derivative((Gradient("x0", x.with_shape(x.shape)),)),)
        cut = [a for a in range(x.rank) if x.shape[a] != y.shape[a]]
        found, taken = [], "y0"
        for axis in reversed(cut):
            name = "x0" if axis == cut[0] else f"before axis {axis}"
            sizes = tuple(y.shape[a] if a in cut and a < axis else x.shape[a] for a in range(x.rank))
            found.append(Derivative((Gradient(name, x.with_shape(sizes)),), (taken,)))
            taken = name
        return tuple(found)

    def is_view(self, *operands: TensorType) -> bool:
        return True


def part(x: TensorType, shape: Shape, axis: int = 0, step: int = 1) -> Types:
    """The type of a part with as many axes, of one of which every so many rows are taken: its elements lie where they lay."""
    strides = (n * step if a == axis + x.batched else n for a, n in enumerate(x.tensor_strides))
    return (x if shape == x.shape else x.with_strides(shape, tuple(strides)),)


def indexed(x: TensorType, indexes: Mapping[int, str]) -> Lowering:
    """`x[:, 1:]`, from the indexes of some axes; the value itself if there are none."""
    if not indexes:
        return Lowering(function=Expression("{0}"))
    axes = (*([":"] if x.batched else []), *(indexes.get(a, ":") for a in range(max(indexes) + 1)))
    return Lowering(function=Expression(f"{{0}}[{', '.join(axes)}]"))


def rows(start: int, stop: int, size: int) -> str:
    """The rows of an axis of some size as Python writes them: `4:60`, `1:`, `:-1`."""
    left: int = size - stop
    if (formula := open_size(left)) is not None:  # by what is known of the sizes it may be a number
        left = formula.domain.simplified(formula)
    is_from_end = open_size(left) is None and (open_size(stop) is not None or left <= start)
    first, last = str(start or ""), "" if stop == size else str(-left if is_from_end else stop)
    return f"{first} : {last}".strip() if _is_sum(first) or _is_sum(last) else f"{first}:{last}"


def _is_sum(bound: str) -> bool:
    """Whether a bound is a formula of several parts."""
    return not bound.removeprefix("-").isalnum() and bound != ""
