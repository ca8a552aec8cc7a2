"""Operators of PyTorch that a layer runs one by one, as data: for what a training step holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, TypeVar

from archdsl.ir import (
    Category,
    Derivative,
    Expression,
    Extra,
    Lowering,
    Module,
    Node,
    Op,
    Origin,
    Repeat,
    Saved,
    State,
    TensorType,
    Types,
    Value,
)
from archdsl.source import Source, Span

T = TypeVar("T")
NOWHERE = Origin(Span(Source("", ""), 0, 0))
NOTHING = Saved()
BESIDE = 2
"""Turns of a loop that are written out before and after those for which one stands: the first and the last make gradients
that others do not, and those next to them are summed otherwise."""


class Primitive(Op):
    """One operator of PyTorch with its node of autograd's graph."""

    name = "primitive"
    category: ClassVar[Category] = "linear"
    operands = None

    makes: str
    results: Types
    learned: tuple[State, ...]
    kept: Saved
    derivatives: tuple[Derivative, ...]
    is_seen: bool
    held: int
    gathers: bool
    temporary: tuple[Extra, ...]

    def __init__(
        self,
        makes: str,
        results: Types,
        derivatives: tuple[Derivative, ...] = (),
        *,
        learned: tuple[State, ...] = (),
        kept: Saved = NOTHING,
        is_seen: bool = False,
        held: int = 0,
        gathers: bool = False,
        temporary: tuple[Extra, ...] = (),
    ) -> None:
        """What it is.

        Args:
            makes: a name for its results.
            learned: parameters of the layer that it reads.
            is_seen: whether its results are in the storage of its first operand.
            held: how many of its operands, the last ones, it does not read: the program holds them until then.
            gathers: whether it reads what all turns of a loop have made.
            temporary: what it makes of that and drops where nothing is kept; the rest it makes inside itself.
        """
        self.__dict__.update(
            makes=makes,
            results=results,
            derivatives=derivatives,
            learned=learned,
            kept=kept,
            is_seen=is_seen,
            held=held,
            gathers=gathers,
            temporary=temporary,
        )

    def state(self, *operands: object) -> tuple[State, ...]:
        return self.learned

    def read(self, operands: Sequence[T]) -> Sequence[T]:
        return operands[: len(operands) - self.held]

    def saved(self, operands: Types, results: Types) -> Saved:
        return self.kept

    def forgotten_scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        return self.temporary

    def backward(self, operands: Types, results: Types, incoming: object) -> tuple[Derivative, ...]:
        return self.derivatives

    def is_view(self, *operands: object) -> bool:
        return self.is_seen

    def is_itself(self, operands: Types, results: Types) -> bool:
        return False

    def pytorch(self, *operands: object) -> Lowering:
        return Lowering(function=Expression(f"{self.makes}({{0}})"))


class Learned(Primitive):
    """A parameter of the layer, as a value."""

    is_source = True

    def __init__(self, state: State, rank: int) -> None:
        """What it is, seen with as many axes, the last ones of size 1."""
        type = TensorType((*state.shape, *(1 for _ in range(rank - len(state.shape)))), state.dtype, batched=False)
        super().__init__(state.name, (type,), learned=(State(state.name, type.shape, state.dtype),))


class Program:
    """Operators in the order in which they run."""

    def __init__(self, *operands: Value) -> None:
        self.module = Module("group", "", NOWHERE)
        self.module.inputs = [*operands]

    def run(self, op: Op, *operands: Value) -> tuple[Value, ...]:
        """Runs an operator; what it gives."""
        types = tuple(value.type for value in operands)
        results = op.results if isinstance(op, Primitive) else op.infer(*types)
        node = Node("", op, operands, results, NOWHERE)
        self.module.nodes.append(node)
        return node.results

    def hold(self, *values: Value) -> None:
        """Holds values until here."""
        self.run(Primitive("", (), held=len(values)), *values)

    def turns(self, count: int) -> Iterator[int]:
        """The turns of a loop that are written out, by number; one of them may stand for a row."""
        begins = []
        for turn in range(listed(count)):
            begins.append(len(self.module.nodes))
            yield turn
        if listed(count) < count:
            before, first, end = begins[BESIDE - 1 : BESIDE + 2]
            nodes = self.module.nodes
            Repeat(count - 2 * BESIDE, nodes[first:end], nodes[before:first], NOWHERE.span).enclose()


def listed(count: int) -> int:
    """How many turns of a loop are written out."""
    return min(count, 2 * BESIDE + 1)
