"""`einsum`: products and sums by naming axes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from string import ascii_letters
from typing import ClassVar, NamedTuple

from archdsl.ir import (
    WHOLE,
    Axes,
    Derivative,
    Examples,
    Expression,
    Extra,
    Gradient,
    Incoming,
    Kernel,
    Lowering,
    Misfit,
    MultiplyAdds,
    Reach,
    Rows,
    Saved,
    Shape,
    TensorType,
    Types,
    Wanted,
    agree,
    show_shape,
)
from archdsl.ir.op.attrs import Equation, Field
from archdsl.ir.strides import BATCH, at_one
from archdsl.ops.families.checks import check_float
from archdsl.ops.families.contraction import Factor, Joined, gradients
from archdsl.ops.families.merge import Merge, check_one_dtype
from archdsl.ops.families.products import Product, Tensor, alone, kernels, made_in_steps, multiply, saved
from archdsl.source import counted


class Terms(NamedTuple):
    """An equation taken apart: the letters of each operand and of the result."""

    operands: tuple[str, ...]
    result: str


class Step(NamedTuple):
    """Two values multiplied on the way: their letters with that of the batch, and those of the result."""

    left: str
    right: str
    result: str


class Einsum(Merge):
    """Multiplies values whose axes are letters, and sums over the letters that the result leaves out.

    `"h k n, h v n -> h k v"` is one matrix product for each head. The batch axis is left out: values that have one keep
    it apart. Three values and more are multiplied from the left, two at a time.
    """

    name = "einsum"
    autocast = "lower"
    casts_views = True
    positional = 1
    is_itself_of_one = False
    examples: ClassVar[Examples] = (
        ('einsum("h k n, h v n -> h k v")', "[4, 16, 196], [4, 32, 196]", "[4, 16, 32]"),
        ('einsum("n m k u, u v m -> n k v")', "unbatched [196, 196, 16, 1], [1, 32, 196]", "[196, 16, 32]"),
        ('einsum("t c -> c")', "[197, 768]", "[768]"),
    )

    equation: Equation = Field(description="the letters of each value's axes, and after `->` those of the result")

    def terms(self) -> Terms:
        """Raises `Misfit`."""
        left, arrow, right = self.equation.partition("->")
        if not arrow:
            raise Misfit("the equation says no result", attribute="equation", help='end it as in `"t c -> c"`')
        terms = Terms(tuple("".join(term.split()) for term in left.split(",")), "".join(right.split()))
        for term in (*terms.operands, terms.result):
            odd = next((c for c in term if c not in ascii_letters), None)
            if odd is not None:
                raise Misfit(f"axes are letters, and `{odd}` is none", attribute="equation")
            twice = next((c for c in term if term.count(c) > 1), None)
            if twice is not None:
                raise Misfit(f"`{twice}` names two axes of `{' '.join(term)}`", attribute="equation")
        unknown = next((c for c in terms.result if c not in left), None)
        if unknown is not None:
            raise Misfit(f"the result's axis `{unknown}` is an axis of no value", attribute="equation")
        if len({*"".join(terms.operands)}) == len(ascii_letters):
            raise Misfit("the equation leaves no letter for the batch", attribute="equation")
        return terms

    def infer(self, *operands: TensorType) -> Types:
        terms = self.terms()
        check_one_dtype(self.name, operands)
        check_float(self.name, operands[0])
        if len(terms.operands) != len(operands):
            raise Misfit(
                f"the equation names {counted(len(terms.operands), 'value')}, and there are {len(operands)}",
                attribute="equation",
            )
        sizes = self._sizes(terms, operands)
        plain = operands[0].with_shape(tuple(sizes[c] for c in terms.result))
        plain = plain._replace(batched=any(x.batched for x in operands))
        return (plain.with_strides(plain.shape, self._strides(operands)),)

    def _sizes(self, terms: Terms, operands: Types) -> dict[str, int]:
        """The size of each letter. Raises `Misfit`."""
        sizes: dict[str, int] = {}
        for index, (term, x) in enumerate(zip(terms.operands, operands, strict=True)):
            if len(term) != x.rank:
                raise Misfit(
                    f"`{' '.join(term)}` names {counted(len(term), 'axis')}, and the value has {x.rank}",
                    code="wrong-rank",
                    operand=index,
                    label=show_shape(x.shape),
                    help=self._without_batch(terms, operands),
                )
            for letter, size in zip(term, x.shape, strict=True):
                if not agree(sizes.setdefault(letter, size), size):
                    raise Misfit(
                        f"`{letter}` is {sizes[letter]} in one value and {size} in another",
                        code="shape-mismatch",
                        operand=index,
                        label=f"`{' '.join(term)}` is {show_shape(x.shape)}",
                    )
        return sizes

    def _without_batch(self, terms: Terms, operands: Types) -> str | None:
        """The equation that is meant where all have a letter more in front."""
        first = {term[:1] for term in (*terms.operands, terms.result)}
        if len(first) > 1 or any(len(t) != x.rank + 1 for t, x in zip(terms.operands, operands, strict=True)):
            return None
        texts = [" ".join(term[1:]) for term in (*terms.operands, terms.result)]
        return f'the batch has no letter: `einsum("{", ".join(texts[:-1])} -> {texts[-1]}")`'

    def _batch(self, terms: Terms) -> str:
        """A letter for the batch axis."""
        used = {*"".join(terms.operands)}
        return next(c for c in "bnzBNZ" + ascii_letters if c not in used)

    def _steps(self, operands: Types) -> tuple[tuple[str, ...], list[Step]]:
        """The letters of each operand and, of several, the products from the left."""
        terms = self.terms()
        batch = self._batch(terms)
        given = tuple(batch * x.batched + t for t, x in zip(terms.operands, operands, strict=True))
        result = batch * any(x.batched for x in operands) + terms.result
        steps: list[Step] = []
        done = given[0]
        for index, right in enumerate(given[1:], 1):
            later = {*result, *"".join(given[index + 1 :])}
            letters = dict.fromkeys(c for c in batch + done + right if c in done + right and c in later)
            joined = result if index == len(given) - 1 else "".join(letters)
            steps.append(Step(done, right, joined))
            done = joined
        return given, steps

    def _products(self, operands: Types, one: bool = False) -> list[Product]:
        """What PyTorch does in each step, for a batch of unknown size or of one."""
        _, steps = self._steps(operands)
        tensors = [*map(Tensor.of, operands)]
        if one:
            tensors = list(map(alone, tensors))
        done = tensors[0]
        products = []
        for step, right in zip(steps, tensors[1:], strict=True):
            letters = _letters(step)
            left, right = _spread(done, step.left, letters), _spread(right, step.right, letters)
            product = multiply(left, right, range(len(step.result), len(letters)))
            done = product.result.permuted(range(len(step.result)))
            products.append(product._replace(result=done))
        return products

    def _strides(self, operands: Types) -> Shape:
        (x, *others) = operands
        (letters, *_), _ = self._steps(operands)
        if others:
            return self._products(operands)[-1].result.strides
        result = letters[: x.batched] + self.terms().result
        moved = Tensor.of(x).permuted([letters.index(c) for c in result])
        return moved.strides if self.is_view(x) else x.with_shape(moved.sizes[x.batched :]).tensor_strides

    def is_view(self, *operands: TensorType) -> bool:
        """One value whose axes are all kept is only permuted."""
        terms = self.terms()
        return len(operands) == 1 and len(terms.result) == len(terms.operands[0])

    def multiply_adds(self, operands: Types, results: Types) -> tuple[MultiplyAdds, ...]:
        return tuple(filter(None, self._sums(operands)))

    def macs_backward(self, operands: Types, results: Types, needs: Sequence[bool], trained: Collection[str]) -> int:
        """Of each product from the left, as many as forward for each factor with a gradient."""
        total, left = 0, needs[0]
        for product, right in zip(self._sums(operands), needs[1:], strict=True):
            total += product.total * (left + right) if product else 0
            left = left or right
        return total

    def _sums(self, operands: Types) -> Iterator[MultiplyAdds | None]:
        """Of each product from the left, for one sample; none where nothing is summed.

        Axes that one factor has alone are summed before.
        """
        terms = self.terms()
        sizes, batch = self._sizes(terms, operands), self._batch(terms)
        for step in self._steps(operands)[1]:
            summed = [sizes[c] for c in step.left if c in step.right and c not in step.result and sizes[c] != 1]
            is_once = batch not in step.result and any(x.batched for x in operands)
            kept = [sizes[c] for c in step.result if c != batch]
            yield MultiplyAdds(tuple(summed), tuple(kept)) if summed and not is_once else None

    def reach(self, *operands: TensorType) -> Reach:
        terms = self.terms()
        return Axes(
            *(tuple(Rows(terms.result.index(c)) if c in terms.result else WHOLE for c in t) for t in terms.operands)
        )

    def saved(self, operands: Types, results: Types) -> Saved:
        return saved(operands, self._products(operands), self._products(operands, one=True))

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        if len(operands) == 1:
            return (Derivative((Gradient("x0", self._repeated(operands[0], incoming.type), "view"),)),)
        _, steps = self._steps(operands)
        products = self._products(operands, one=incoming.is_single)
        dtype = operands[0].dtype
        arriving = Tensor.of(incoming.type)
        joined = Joined("y0", alone(arriving) if incoming.is_single else arriving)
        derivatives: list[Derivative] = []
        for index in range(len(steps) - 1, -1, -1):
            step, product = steps[index], products[index]
            letters = _letters(step)
            before = _type(products[index - 1].result.sizes, dtype) if index else operands[0]
            factors = (
                Factor(f"product {index}" if index else "x0", before, _axes(letters, step.left), product.factors[0]),
                Factor(f"x{index + 1}", operands[index + 1], _axes(letters, step.right), product.factors[1]),
            )
            wide = joined._replace(tensor=_spread(joined.tensor, step.result, letters))
            names = (factors[0].name, f"x{index + 1}", f"factor {index + 2}", *(() if index else ("factor 1",)))
            derivatives += gradients(product, factors, wide, names, is_single=incoming.is_single)
            left = derivatives[-1].gives[0].type
            joined = Joined(factors[0].name, Tensor.of(left))
        return tuple(derivatives)

    def _repeated(self, x: TensorType, incoming: TensorType) -> TensorType:
        """What comes in, permuted, and repeated without a copy along what was summed."""
        ((letters,), _), result = self._steps((x,)), self.terms().result
        arriving = dict(zip(letters[: x.batched] + result, incoming.tensor_strides, strict=True))
        return x.with_strides(x.shape, tuple(arriving.get(c, 0) for c in letters))

    def kernels(self, operands: Types, results: Types, wanted: Wanted) -> tuple[Kernel, ...]:
        """Of several products each."""
        return kernels(operands[0].dtype, self._products(operands, one=wanted.is_single)) if len(operands) > 2 else ()

    def is_derived_exactly(self, operands: Types) -> bool:
        """Where the result lies in a single sample as in several."""
        if len(operands) < 2:
            return True
        product, single = (self._products(operands, one=one)[-1].result for one in (False, True))
        lies = zip(single.sizes, at_one(product.strides), single.strides, strict=True)
        return all(n == 1 or s == t for n, s, t in lies)

    def is_cast_exactly(self, operands: Types, results: Types, *, is_lower: bool) -> bool:
        """Not of what a cast leaves without its gaps, nor of learned tensors: views of them are cast again each time."""
        return is_lower and all(x.batched for x in operands)

    def _made(self, operands: Types) -> list[tuple[Extra, ...]]:
        return made_in_steps(operands, self._products(operands), self._products(operands, one=True)) or [()]

    def preparation(self, operands: Types) -> tuple[tuple[Extra, ...], ...]:
        return tuple(self._made(operands)[:-1])

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        return self._made(operands)[-1]

    def gives_view(self, *operands: TensorType) -> bool:
        return True

    def pytorch(self, *operands: TensorType) -> Lowering:
        given, steps = self._steps(operands)
        if not steps:
            terms = self.terms()
            batch = given[0][: operands[0].batched]
            return Lowering(function=_call(f"{given[0]}->{batch}{terms.result}", "{0}"))
        text = "{0}"
        for index, step in enumerate(steps, 1):
            text = _call(f"{step.left},{step.right}->{step.result}", f"{text}, {{{index}}}").template
        return Lowering(function=Expression(text, ("torch",)))

    def summary(self) -> str:
        return f"einsum {self.equation}"


def _call(equation: str, operands: str) -> Expression:
    return Expression(f'torch.einsum("{equation}", {operands})', ("torch",))


def _letters(step: Step) -> str:
    """The order that ATen brings all axes into: those of the result, then those summed, by their codes."""
    return step.result + "".join(sorted({*step.left, *step.right} - {*step.result}))


def _axes(letters: str, own: str) -> tuple[int, ...]:
    return tuple(map(letters.index, own))


def _type(sizes: Shape, dtype: str) -> TensorType:
    is_batched = sizes[:1] == (BATCH,)
    return TensorType(sizes[is_batched:], dtype, is_batched)


def _spread(x: Tensor, own: str, letters: str) -> Tensor:
    """The tensor with an axis for each letter, of size 1 for those that it lacks."""
    axes = [own.find(c) for c in letters]
    return Tensor(tuple(1 if a < 0 else x.sizes[a] for a in axes), tuple(1 if a < 0 else x.strides[a] for a in axes))
