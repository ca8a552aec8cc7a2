"""`constant`: a tensor by a formula of its indices."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Call, Code, Examples, Helper, Lowering, Op, State, TensorType, Types, show_shape
from archdsl.ir.op.attrs import Field, Flag, Formula, TensorShape
from archdsl.ops.families.formula import INDICES, Term, formula


class Constant(Op):
    """A tensor that is computed once, from a formula of its indices: relative positions, masks, grids, position codes.

    `i`, `j`, `k`, `m`, `n` are the indices along axes 0, 1, ..., from 0. The formula has numbers and `pi`, `+ - * / // % ^`,
    comparisons, `and or not`, `a if c else b`, and `min max abs floor sin cos exp log sqrt`; numbers of the spec stand in it
    in braces: `"i // {window}"`. Whole numbers give int64, those with a point and quotients float32, a comparison bool.

    Its label is its name in the `state_dict`; with `persistent=false` it is a buffer that the `state_dict` leaves out. Like a
    `parameter` it starts a chain or an arm, and has no batch axis.
    """

    name = "constant"
    category = "parameter"
    positional = 2
    operands = 0
    is_source = True
    needs_label = True
    numbered = False
    examples: ClassVar[Examples] = (
        ('constant([49, 49], "13 * (i // 7 - j // 7 + 6) + i % 7 - j % 7 + 6")', "", "unbatched int64 [49, 49]"),
        ('constant([64, 64], "i >= j", persistent=false)', "", "unbatched bool [64, 64]"),
        (
            'constant([197, 64], "sin(i / 10000 ^ (j / 64)) if j % 2 == 0 else cos(i / 10000 ^ ((j - 1) / 64))")',
            "",
            "unbatched [197, 64]",
        ),
    )

    shape: TensorShape = Field(description="the sizes")
    formula: Formula = Field(description="an element by its indices")
    persistent: Flag = Field(True, description="whether the `state_dict` holds it")

    def _term(self) -> Term:
        return formula(self.formula, self.shape)

    def infer(self, *operands: TensorType) -> Types:
        return (TensorType(self.shape, self._term().kind, batched=False),)

    def state(self, *operands: TensorType) -> tuple[State, ...]:
        return (State("", self.shape, self._term().kind, "buffer" if self.persistent else "constant"),)

    def pytorch(self, *operands: TensorType) -> Lowering:
        term = self._term()
        if term.value is not None:
            return Lowering(buffer=Call("torch.full", (self.shape, term.value)))
        names = ", ".join(INDICES[: len(self.shape)])
        return Lowering(
            buffer=Call("by_indices", (Code(f"lambda {names}: {term.code}"), *self.shape)), helper=_BY_INDICES
        )

    def summary(self) -> str:
        return f"constant {show_shape(self.shape)}"


_BY_INDICES = Helper(
    "by_indices",
    '''
def by_indices(formula: Any, *sizes: int) -> Tensor:
    """A tensor of these sizes, whose elements a formula gives by their indices."""
    indices = torch.meshgrid(*(torch.arange(size) for size in sizes), indexing="ij")
    return formula(*indices).contiguous()
''',
    ("Any", "Tensor", "torch"),
)
