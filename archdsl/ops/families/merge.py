"""Several tensors in, one out: what the merges have in common."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import ClassVar

from archdsl.ir import (
    Category,
    Derivative,
    Expression,
    Extra,
    Gradient,
    Incoming,
    Lowering,
    Misfit,
    Op,
    Saved,
    Shape,
    TensorType,
    Types,
    agree,
    is_open,
    operand_text,
    show_shape,
)
from archdsl.ir.strides import elementwise, sizes_together
from archdsl.ops.families.checks import check_float, laid_beside
from archdsl.ops.families.derivatives import Term, handed_on, repeated, spread
from archdsl.source import counted

AXIS_NAMES = {3: ("channels", "height", "width"), 4: ("channels", "depth", "height", "width")}
INTEGERS = ("int64", "int32")


class Merge(Op):
    """Base of the operators that join one or more values."""

    category: ClassVar[Category] = "merge"
    operands = None
    numbered = False
    reads_unbatched = True


class Elementwise(Merge):
    """Base of the merges that work element by element, from the left, two at a time.

    Sizes agree or are 1: a gate `[C, 1, 1]` goes with a map.
    """

    def join(self, left: str, right: str) -> str:
        """Two operands joined, as Python writes it."""
        raise NotImplementedError

    autocast = "promotes"
    reads: ClassVar[tuple[str, ...]] = ()
    """Element types that it joins beside floats."""

    def infer(self, *operands: TensorType) -> Types:
        check_one_dtype(self.name, operands)
        if operands[0].dtype not in self.reads:
            check_float(self.name, operands[0])
        return (self._steps(operands)[-1],)

    def _steps(self, operands: Types) -> Types:
        """The types of the first operand, of the first two joined, and so on. Raises `Misfit`."""
        rank = batched_rank(operands)
        steps = [operands[0]]
        done = sizes_beside(self.name, operands[0], rank, 0)
        for index, x in enumerate(operands[1:], start=1):
            other = sizes_beside(self.name, x, rank, index)
            if rank is None:
                done, other = ((1,) * (max(map(len, (done, other))) - len(s)) + s for s in (done, other))
            check_same_rank(self.name, done, other, index, repeats=True)
            pairs = enumerate(zip(done, other, strict=True))
            differing = [a for a, (m, n) in pairs if 1 not in (m, n) and not agree(m, n)]
            if differing:
                _check_learned(self.name, operands[: index + 1])
            check_axes(self.name, done, other, index, differing)
            done = sizes_together(done, other)
            steps.append(_joined(steps[-1], x, done))
        return tuple(steps)

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        """From the last two that were joined to the first two."""
        steps = self._steps(operands)
        found: list[Derivative] = []
        for i in range(len(operands) - 1, 0, -1):
            left, right = "x0" if i == 1 else _partial(i - 1), f"x{i}"
            taken = "y0" if i == len(operands) - 1 else _partial(i)
            step = self.of_step((left, steps[i - 1]), (right, operands[i]), steps[i], incoming)
            found.append(step._replace(takes=(taken,), frees=(left, right)))
            made = next(g for g in step.gives if g.of == left)
            incoming = incoming if made.how == "same" else incoming._replace(type=made.type)
        return tuple(found) or (Derivative((Gradient("x0", operands[0], "same"),)),)

    def of_step(self, left: Term, right: Term, joined: TensorType, incoming: Incoming) -> Derivative:
        """The derivative of two joined: what comes in is handed on to both."""
        return Derivative(tuple(handed_on(name, x, joined, incoming) for name, x in (left, right)))

    def between(self, operands: Types) -> tuple[Extra, ...]:
        """The results that are joined further."""
        joined = enumerate(self._steps(operands)[1:-1], start=1)
        return tuple(Extra.like(_partial(i), t) for i, t in joined)

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        """The result of all operands but the last, while the last joins it."""
        return self.between(operands)[-1:]

    def template(self, operands: Types) -> str:
        return reduce(self.join, (f"{{{i}}}" for i in range(len(operands))))

    def pytorch(self, *operands: TensorType) -> Lowering:
        template = self.template(operands)
        return Lowering(function=Expression(template, ("torch",) if "torch." in template else ()))


class Product(Elementwise):
    """Base of the elementwise merges whose backward reads what went into them."""

    def saved(self, operands: Types, results: Types) -> Saved:
        if len(operands) == 1 or not operands[0].is_float:
            return Saved()
        if len(operands) == 2:
            return Saved(for_others=(0, 1))
        factors = ((i, (1,) if i == 0 else tuple(range(i))) for i in range(len(operands)))
        partial = (e._replace(readers=(i,)) for i, e in enumerate(self.between(operands), start=2))
        return Saved(for_some=tuple(factors), extra=tuple(partial))

    def of_step(self, left: Term, right: Term, joined: TensorType, incoming: Incoming) -> Derivative:
        """A product for each, which is summed over the repetitions of a smaller one."""
        way = self.on_the_way(joined)
        made = self.made(joined, (left[1], right[1]), incoming.type)
        terms = zip((left, right), made, strict=True)
        return Derivative(tuple(repeated(term, type, incoming.is_single, way) for term, type in terms))

    def made(self, joined: TensorType, terms: Types, incoming: TensorType) -> Types:
        """The gradients of two that are joined, before they are summed over repetitions: what comes in, times the other."""
        left, right = terms
        return spread(joined, incoming, right), spread(joined, incoming, left)

    def on_the_way(self, joined: TensorType) -> Types:
        """Tensors that are made on the way to each gradient."""
        return ()


class Choice(Product):
    """Base of the elementwise merges whose backward compares what went into them. Of masks it is "and" or "or"."""

    reads = (*INTEGERS, "bool")

    def made(self, joined: TensorType, terms: Types, incoming: TensorType) -> Types:
        """What comes in, where a mask chooses it."""
        return (spread(joined, spread(joined, *terms), incoming),) * 2

    def on_the_way(self, joined: TensorType) -> Types:
        """Half of what comes in, where both are alike, and two masks."""
        mask = joined._replace(dtype="bool")
        return joined, mask, mask

    def saved(self, operands: Types, results: Types) -> Saved:
        """Both of a pair for the gradient of either."""
        if len(operands) == 1 or not operands[0].is_float:
            return Saved()
        pairs = ((i, tuple(range(max(i, 1) + 1))) for i in range(len(operands)))
        partial = (e._replace(readers=tuple(range(i + 1))) for i, e in enumerate(self.between(operands), start=2))
        return Saved(for_some=tuple(pairs), extra=tuple(partial))


def _partial(number: int) -> str:
    """The name of what the first operands give, joined so many times."""
    return f"partial result {number}"


def _joined(left: TensorType, right: TensorType, shape: Shape) -> TensorType:
    """The type of two operands joined by an elementwise kernel. Two without a batch axis have as many axes as they are given
    with, which may be those of values with one."""
    is_batched = left.batched or right.batched
    if not is_batched:
        shape = (1, *shape)[1 + len(shape) - max(left.rank, right.rank) :]
    plain = left.with_shape(shape)._replace(batched=is_batched)
    if left.strides is None is right.strides:
        return plain
    strides = elementwise(plain.tensor_shape, *((t.tensor_shape, t.tensor_strides) for t in (left, right)))
    return plain.with_strides(shape, strides)


def batched_rank(operands: Types) -> int | None:
    """The number of axes that values with a batch axis have; None where there are no such values."""
    return next((x.rank for x in operands if x.batched), None)


def sizes_beside(op: str, x: TensorType, rank: int | None, operand: int) -> Shape:
    """The sizes of an operand beside batched values of a rank.

    A tensor without a batch axis is read against `[N, ...]` from the right, a leading 1 standing for the batch.
    Raises `Misfit`.
    """
    if x.batched or rank is None:
        return x.shape
    if x.rank <= rank:
        return (1,) * (rank - x.rank) + x.shape
    if x.rank == rank + 1 and x.shape[0] == 1:
        return x.shape[1:]
    raise Misfit(
        _beside(op, x),
        code="shape-mismatch",
        operand=operand,
        label=f"{x.shape[0]} where the batch axis is" if x.rank == rank + 1 else f"{x.rank} axes against {rank + 1}",
        help=f"{show_shape((1, *x.shape[1:]))} is the same for every sample" if x.rank == rank + 1 else None,
    )


def _beside(op: str, learned: TensorType) -> str:
    shape = show_shape(learned.shape)
    return f"`{op}` reads a learned tensor against [N, ...] from the right, and {shape} has another size there"


def _check_learned(op: str, operands: Types) -> None:
    """Of operands that do not go together: raises `Misfit` where one is learned, and would go with axes of size 1 put in."""
    learned = next((i for i, x in reversed([*enumerate(operands)]) if not x.batched), None)
    sample = next((x for x in operands if x.batched), None)
    if learned is None or sample is None:
        return
    x = operands[learned]
    laid = laid_beside(x.shape, sample.shape)
    if laid is not None:
        read = (1,) * (sample.rank - x.rank) + x.shape
        raise Misfit(
            _beside(op, x),
            code="shape-mismatch",
            operand=learned,
            label=f"{show_shape(x.shape)} is read as {show_shape(read)}",
            help=f"give it the shape {show_shape(laid)}, which goes with {show_shape(sample.shape)}",
        )


def check_one_dtype(op: str, operands: Types) -> None:
    """Raises `Misfit` at the first operand of another element type."""
    for index, x in enumerate(operands):
        if x.dtype != operands[0].dtype:
            raise Misfit(
                f"the arms of `{op}` hold different types of numbers",
                code="wrong-dtype",
                operand=index,
                label=f"{x.dtype}, not {operands[0].dtype}",
                help=f"`cast({operands[0].dtype})` makes them alike",
            )


def check_same_rank(op: str, first: Shape, other: Shape, operand: int, *, repeats: bool = False) -> None:
    """Raises `Misfit` where the numbers of axes differ.

    Args:
        repeats: whether what has size 1 is repeated, so that more axes help.
    """
    if len(first) != len(other):
        small, large = sorted((first, other), key=len)
        laid = laid_beside(small, large) if repeats else None
        raise _mismatch(
            op,
            operand,
            f"{counted(len(first), 'axis')} and {counted(len(other), 'axis')}",
            f"{counted(len(other), 'axis')}, not {len(first)}",
            None
            if laid is None
            else f"`reshape({show_shape(laid)})` lays {show_shape(small)} beside {show_shape(large)}",
        )


def check_axes(op: str, first: Shape, other: Shape, operand: int, differing: Iterable[int]) -> None:
    """Raises `Misfit` that names the axes at fault, if there are any."""
    axes = tuple(differing)
    if not axes:
        return
    names = AXIS_NAMES.get(len(first), tuple(f"axis {a}" for a in range(len(first))))
    label = "; ".join(f"{names[a]} {other[a]}, not {first[a]}" for a in axes)
    help: str | None = None
    if axes == (0,) and len(first) in AXIS_NAMES:
        help = f"bring one arm to the channels of the other, as by `conv({first[0]}, {_one(len(first) - 1)})`"
        what = f"{first[0]} and {other[0]} channels"
    elif len(first) in AXIS_NAMES and 0 not in axes:
        what = f"maps of {_sizes(first)} and {_sizes(other)}"
        help = _of_one_size(op, first[1:], other[1:])
    else:
        what = f"the shapes {show_shape(first)} and {show_shape(other)}"
        if len(first) in AXIS_NAMES:
            help = "strides, windows and padding of the arms have to lead to the same sizes"
    raise _mismatch(op, operand, what, label, help)


def _one(rank: int) -> str:
    return "x".join("1" * rank)


def _sizes(shape: Shape) -> str:
    return "x".join(map(operand_text, shape[1:]))


def _of_one_size(op: str, first: Shape, other: Shape) -> str:
    """How maps come to one size: by a stride where one is a multiple, else by padding or a crop."""
    if not is_open((*first, *other)):
        large, small = (first, other) if first > other else (other, first)
        ratio = round(large[0] / small[0])
        if ratio > 1 and all(-(-a // ratio) == b for a, b in zip(large, small, strict=True)):
            if op == "concat":
                return f"`upsample({ratio})` brings the smaller one up, a stride of {ratio} the larger one down"
            return f"give the larger arm stride {ratio} too, as a 1x1 `conv` has it"
    crop = ", or `crop(like=...)` cuts the larger one" if op == "concat" else ""
    return f"`pad=half` keeps the size of a map under an odd window{crop}"


def _mismatch(op: str, operand: int, what: str, label: str, help: str | None) -> Misfit:
    return Misfit(f"the arms of `{op}` have {what}", code="shape-mismatch", operand=operand, label=label, help=help)
