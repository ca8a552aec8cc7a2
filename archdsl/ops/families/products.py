"""What `matmul` and `einsum` have in common: products of tensors that PyTorch brings into batches of matrices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import NamedTuple

from archdsl.ir import RESULT, Derivative, Extra, Gradient, Incoming, Kernel, Saved, Shape, TensorType, Types, is_open
from archdsl.ir.strides import BATCH, at_one, broadcast, contiguous, elementwise, is_contiguous, sizes_together, view
from archdsl.ops.families.derivatives import packed


class Tensor(NamedTuple):
    """Sizes and strides, the batch axis among them."""

    sizes: Shape
    strides: Shape

    @classmethod
    def of(cls, x: TensorType) -> Tensor:
        return cls(x.tensor_shape, x.tensor_strides)

    def permuted(self, axes: Sequence[int]) -> Tensor:
        return Tensor(tuple(self.sizes[a] for a in axes), tuple(self.strides[a] for a in axes))


class Product(NamedTuple):
    """Two tensors multiplied, with sums over some axes (`sumproduct_pair` in ATen)."""

    result: Tensor
    copied: tuple[bool, bool]
    """Of which factors a copy is multiplied."""
    summed_before: tuple[Shape | None, Shape | None]
    """The sizes of each factor where axes that only it has were summed first, which makes a new tensor."""
    factors: tuple[Tensor, Tensor]
    """As they are multiplied."""
    macs: int
    """Multiply-adds, the batch counted as `BATCH`; 0 where nothing is summed."""
    is_reordered: bool = False
    """Whether its last axes are exchanged, by a copy where both are longer than one."""
    orders: tuple[Shape, Shape, Shape] = ((), (), ())
    """The axes of both factors and of the result, from the slowest to the fastest, as the matrices hold them; none where
    nothing is summed, and for `matmul`, whose axes lie in order."""
    matrices: Shape = ()
    """The sizes of the result as such a matrix, or as a batch of them."""


def multiply(left: Tensor, right: Tensor, sums: Sequence[int]) -> Product:
    """Multiplies two tensors of equal axes (of size 1 where one lacks the axis) and sums over some; these stay with size 1.

    Axes longer than one are multiplied otherwise than others. Of open sizes it is asked which they are only where that may
    make another product: one that is summed over them or copies, or that does not lie in order.
    """
    found = _multiply(left, right, sums, lambda n: n != 1)
    is_summed_over = any(is_open((left.sizes[a], right.sizes[a])) for a in sums)
    is_alike = found.copied == (False, False) and is_contiguous(*found.result) and not is_summed_over
    return found if is_alike else _multiply(left, right, sums, lambda n: n > 1)


def _multiply(left: Tensor, right: Tensor, sums: Sequence[int], is_long: Callable[[int], bool]) -> Product:
    before: list[Shape | None] = [None, None]
    pair = [left, right]
    for i, (own, other) in enumerate(((left, right), (right, left))):
        alone = [a for a in sums if is_long(own.sizes[a]) and other.sizes[a] == 1]
        if alone:
            sizes = tuple(1 if a in alone else n for a, n in enumerate(own.sizes))
            pair[i], before[i] = Tensor(sizes, contiguous(sizes)), sizes
    left, right = pair
    both = [a for a in sums if is_long(left.sizes[a]) and is_long(right.sizes[a])]
    if not both:
        sizes = sizes_together(left.sizes, right.sizes)
        return Product(
            Tensor(sizes, elementwise(sizes, left, right)), (False, False), (before[0], before[1]), (left, right), 0
        )
    shared: list[int] = []
    lefts: list[int] = []
    rights: list[int] = []
    for a, (n, m) in enumerate(zip(left.sizes, right.sizes, strict=True)):
        if a not in both:
            (shared if is_long(n) and is_long(m) else lefts if is_long(n) else rights).append(a)
    shared_size, inner = (prod(left.sizes[a] for a in axes) for axes in (shared, both))
    rows, columns = prod(left.sizes[a] for a in lefts), prod(right.sizes[a] for a in rights)
    copied = (
        _is_copied(left.permuted((*shared, *lefts, *both, *rights)), (shared_size, rows, inner)),
        _is_copied(right.permuted((*shared, *both, *rights, *lefts)), (shared_size, inner, columns)),
    )
    # ATen multiplies the other way round where that gives a result whose axes lie in order.
    swaps = bool(lefts and rights) and lefts[0] > rights[-1]
    order = (*shared, *rights, *both, *lefts) if swaps else (*shared, *lefts, *both, *rights)
    first, second = (rights, lefts) if swaps else (lefts, rights)
    orders = [(*shared, *first, *both, *second), (*shared, *both, *second, *first)]
    joined = sizes_together(left.sizes, right.sizes)
    sizes = tuple(1 if a in both else n for a, n in enumerate(joined))
    packed = dict(zip(order, contiguous(tuple(sizes[a] for a in order)), strict=True))
    result = Tensor(sizes, tuple(packed[a] for a in range(len(sizes))))
    macs = shared_size * rows * columns * inner
    left_order, right_order = reversed(orders) if swaps else orders
    return Product(
        result,
        copied,
        (before[0], before[1]),
        (left, right),
        macs,
        orders=(left_order, right_order, order),
        matrices=(shared_size, columns, rows) if swaps else (shared_size, rows, columns),
    )


def _is_copied(x: Tensor, sizes: Shape) -> bool:
    return view(x.sizes, x.strides, sizes) is None


def alone(x: Tensor) -> Tensor:
    """The tensor for a batch of one."""
    return Tensor(at_one(x.sizes), at_one(x.strides))


def saved(operands: Types, products: Sequence[Product], alone: Sequence[Product]) -> Saved:
    """What backward keeps of products from the left: both factors of each, as they were multiplied.

    Args:
        products: each product for a batch of unknown size, the first of operands 0 and 1.
        alone: the same for a batch of one.
    """
    kept = Saved()
    for step, (product, one) in enumerate(zip(products, alone, strict=True)):
        for side in (0, 1):
            operand = side + step if side or not step else None
            whole = products[step - 1].result if operand is None else None
            readers = tuple(range(step + 1)) if side else (step + 1,)
            factors = _factor(product, side), _factor(one, side)
            kept = _keep(kept, operands[0].dtype, operand, whole, _name(step, side), *factors, readers)
    return kept


def _name(step: int, side: int) -> str:
    """Of what is multiplied in place of an operand, or of the product before."""
    return f"factor {step + side + 1}" if side or not step else f"product {step}"


class Factor(NamedTuple):
    """One factor as it is multiplied."""

    summed: Shape | None
    copied: Shape | None


def _factor(product: Product, side: int) -> Factor:
    return Factor(product.summed_before[side], product.factors[side].sizes if product.copied[side] else None)


def _keep(
    kept: Saved,
    dtype: str,
    operand: int | None,
    whole: Tensor | None,
    name: str,
    factor: Factor,
    alone: Factor,
    readers: tuple[int, ...],
) -> Saved:
    """What was kept, with one factor more: an operand, or the product before, whole; for the gradients of the readers."""
    sizes = factor.copied if alone.copied or operand is None else None
    sizes = factor.summed or sizes or (whole.sizes if whole else None)
    if sizes is not None:
        return kept._replace(extra=(*kept.extra, _extra(name, sizes, dtype)._replace(readers=readers)))
    assert operand is not None
    if factor.copied:
        copy = _extra(name, factor.copied, dtype)._replace(in_batches=True)
        kept = kept._replace(copies=(*kept.copies, (operand, copy)))
    return kept._replace(for_some=(*kept.for_some, (operand, readers)))


def backward(operands: Types, results: Types, product: Product, incoming: Incoming) -> Iterator[Derivative]:
    """The gradients of both factors as they were multiplied, then summed over repetitions.

    A gradient whose elements do not lie as those of the product is copied.
    """

    def as_multiplied(x: TensorType) -> Tensor:
        found = Tensor.of(x)
        found = _exchanged(found) if product.is_reordered else found
        return alone(found) if incoming.is_single else found

    taken = "y0"
    if _is_copied(as_multiplied(incoming.type), product.matrices):
        yield Derivative((Gradient("rows", results[0].with_shape(results[0].shape)),), (taken,))
        taken = "rows"
    gives, sums = [], []
    for i, (x, own) in enumerate(zip(operands, product.factors, strict=True)):
        name, wide = f"x{i}", plain(own.sizes, x.dtype)
        is_repeated = wide.numel != x.numel or (wide.batched != x.batched and not incoming.is_single)
        if is_repeated or len(own.sizes) > len(x.tensor_shape):  # an axis of the batch is summed for one sample too
            gives.append(Gradient(f"repeated {name}", wide))
            sums.append(Derivative((Gradient(name, packed(x)),), (f"repeated {name}",)))
            continue
        *outer, rows, columns = range(len(x.tensor_shape))
        type = x.in_order(x.shape, (*outer, columns, rows)) if product.is_reordered else packed(x)
        if len(product.matrices) == MATRIX and is_by_columns(as_multiplied(x)):
            type = x
        is_as_it_is = len(x.tensor_shape) == MATRIX and not product.is_reordered
        gives.append(Gradient(name, type, "made" if is_as_it_is else "reshaped"))
    yield Derivative(tuple(gives), (taken,), frees=KEPT)
    yield from sums


def is_by_columns(x: Tensor) -> bool:
    """Whether all rows together are a matrix whose columns lie in order: then so does its gradient (`mm_mat1_grad` and
    `mm_mat2_grad` in ATen's `FunctionsManual.cpp`)."""
    matrix = prod(x.sizes[:-1]), x.sizes[-1]
    return view(x.sizes, x.strides, matrix) == (1, matrix[0])


MATRIX = 2
"""The axes of a matrix."""
KEPT = ("factor 1", "factor 2", "x0", "x1")
"""What a product keeps, by name."""


def plain(sizes: Shape, dtype: str) -> TensorType:
    """A tensor of as many elements."""
    return TensorType(tuple(n for n in sizes if n not in (1, BATCH)), dtype, BATCH in sizes)


def made_in_steps(operands: Types, products: Sequence[Product], alone: Sequence[Product]) -> list[tuple[Extra, ...]]:
    """What is there beside operands while each product is made; while the last one is, beside the result."""
    dtype = operands[0].dtype
    found = []
    for step, (product, one) in enumerate(zip(products, alone, strict=True)):
        done = (i for i in (step, step + 1) if 0 < i < len(products))
        extras = [_extra(_name(i, 0), products[i - 1].result.sizes, dtype) for i in done]
        if product.is_reordered and 1 not in product.result.sizes[-2:]:
            extra = _extra("product in another order", product.result.sizes, dtype)
            extras.append(extra._replace(in_batches=not one.is_reordered))
        for side in (0, 1):
            name, factor, single = _name(step, side), _factor(product, side), _factor(one, side)
            if factor.summed and factor.copied:  # the sum stays while the product is made
                extras.append(_extra("sum", factor.summed, dtype)._replace(in_batches=single.copied is None))
            if factor.summed or factor.copied:
                extra = _extra(name, factor.summed or factor.copied or (), dtype)
                extras.append(extra._replace(in_batches=single == (None, None)))
        found.append(tuple(extras))
    return found


def _extra(name: str, sizes: Shape, dtype: str) -> Extra:
    return Extra(name, tuple(n for n in sizes if n not in (1, BATCH)), dtype, BATCH in sizes)


def kernels(dtype: str, products: Sequence[Product]) -> tuple[Kernel, ...]:
    """The products from the left: sums and copies of both factors, then the result. What the product before has given the
    program holds until then."""
    found: list[Kernel] = []
    for step, product in enumerate(products):
        made = []
        for side in (0, 1):
            name, factor = _name(step, side), _factor(product, side)
            if factor.summed and factor.copied:
                made.append(_extra(f"sum for {name}", factor.summed, dtype))
            if factor.summed or factor.copied:
                made.append(_extra(name, factor.summed or factor.copied or (), dtype))
        drops = tuple(extra.name for extra in made)
        if step:
            drops = *drops, found[-1].makes[-1].name
        if step < len(products) - 1:
            name = _name(step + 1, 0)
            is_multiplied = _factor(products[step + 1], 0) == (None, None)
            made.append(_extra(name if is_multiplied else f"whole {name}", product.result.sizes, dtype))
        else:
            made.append(Extra(RESULT, ()))
        found.append(Kernel(tuple(made), drops))
    return tuple(found)


def single_matrix(left: Tensor, right: Tensor) -> int | None:
    """Which of two factors is one matrix for all of the other one, if one is."""
    ranks = len(left.sizes), len(right.sizes)
    if ranks == (3, 3) and left.sizes[0] != right.sizes[0] and 1 in (left.sizes[0], right.sizes[0]):
        return 0 if left.sizes[0] == 1 else 1
    return ranks.index(2) if min(ranks) == 2 < max(ranks) else None


def multiply_matrices(left: Tensor, right: Tensor, *, is_learned: bool) -> Product:
    """Multiplies the matrices of the last two axes as `torch.matmul` does.

    Args:
        is_learned: whether a factor that is one matrix for all requires a gradient: then all of the other one becomes one
            large matrix, else it does only where that takes no copy (`should_fold` in ATen's `native/LinearAlgebra.cpp`).
    """
    sizes = (*_broadcast(left.sizes[:-2], right.sizes[:-2]), left.sizes[-2], right.sizes[-1])
    macs = prod(sizes) * left.sizes[-1]
    copied, factors, matrices, is_reordered = (False, False), (left, right), sizes, False
    single = single_matrix(left, right)
    if single is not None and (is_learned or (single == 1 and len(right.sizes) == 2 and _has_even_rows(left))):
        is_reordered = single == 0
        x = _exchanged(right) if is_reordered else left
        rows = prod(x.sizes[:-1])
        matrices = (rows, sizes[-2] if is_reordered else sizes[-1])
        is_copied = _is_copied(x, (rows, x.sizes[-1]))
        copied = (False, is_copied) if is_reordered else (is_copied, False)
    elif len(sizes) >= 3:
        batch = sizes[:-2]
        wide = [Tensor((*batch, *t.sizes[-2:]), broadcast(*t, (*batch, *t.sizes[-2:]))) for t in (left, right)]
        copied = tuple(_is_copied(t, (prod(batch), *t.sizes[-2:])) for t in wide)  # type: ignore[assignment]
        factors, matrices = (wide[0], wide[1]), (prod(batch), *sizes[-2:])
    result = Tensor(sizes, contiguous(sizes))
    return Product(result, copied, (None, None), factors, macs, is_reordered, matrices=matrices)


def _exchanged(x: Tensor) -> Tensor:
    """The last two axes of a tensor exchanged."""
    *outer, rows, columns = range(len(x.sizes))
    return x.permuted((*outer, columns, rows))


def _has_even_rows(x: Tensor) -> bool:
    """Whether each row lies as far behind the one before."""
    return all(x.strides[a] == x.strides[a + 1] * x.sizes[a + 1] for a in range(len(x.sizes) - 2))


def _broadcast(left: Shape, right: Shape) -> Shape:
    missing = len(left) - len(right)
    pairs = zip((1,) * -missing + left, (1,) * missing + right, strict=True)
    return tuple(max(n, m) for n, m in pairs)
