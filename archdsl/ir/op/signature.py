"""What an operator takes and what it gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, Self, TypeVar

from archdsl.ir.op.attributes import Attributes
from archdsl.ir.op.reach import Reach
from archdsl.ir.op.state import State
from archdsl.ir.types import TensorType

T = TypeVar("T")
Category = Literal[
    "conv", "pool", "linear", "attention", "norm", "activation", "merge", "parameter", "reshape", "regularization"
]
"""What kind of layer an operator is: its colour in pictures and its row in `report flops`."""
Types = tuple[TensorType, ...]
Examples = tuple[tuple[str, str, str], ...]
"""Uses that hold: (call, input shapes, output shapes), as `("conv(64, 3x3, pad=1)", "[3, 32, 32]", "[64, 32, 32]")`."""


class Signature(Attributes):
    """What an operator is called, takes, owns and gives, and what of it a result depends on.

    Fields are the attributes, in the order of the reference; the first `positional` of them may be given by position.
    """

    name: ClassVar[str]
    """The name in specs."""
    category: ClassVar[Category]
    positional: ClassVar[int] = 0
    operands: ClassVar[int | None] = 1
    """How many tensors it takes; None for a merge, which takes one or more."""
    tensor_attributes: ClassVar[tuple[str, ...]] = ()
    """Attributes that are tensors (`crop(like=up)`): further operands, after the current value, where they are given."""
    scalars: ClassVar[tuple[str, ...]] = ()
    """Attributes that become elements of a result: PyTorch refuses those that their type does not reach."""
    gives_list: ClassVar[bool] = False
    """Whether its results are a list, a single one too (`split`, `unbind`)."""
    lends_sizes: ClassVar[bool] = False
    """Whether its tensor attribute lends its sizes alone (`like`): no element of it is read, and no gradient goes there."""
    reads_switches: ClassVar[bool] = False
    """Whether its tensor attribute names a max-pool's result and it reads that pool's switches (`unpool`)."""
    needs_label: ClassVar[bool] = False
    """Whether it has to be labelled, since its label is its key in the `state_dict` (`parameter`, `constant`)."""
    is_source: ClassVar[bool] = False
    """Whether its result is a tensor of its own state: nothing is made when it runs (`parameter`, `constant`)."""
    is_itself_of_one: ClassVar[bool] = True
    """Whether a merge of one value is that value."""
    reads_unbatched: ClassVar[bool] = False
    """Whether it takes values without a batch axis, learned tensors and what is made of them."""
    numbered: ClassVar[bool] = True
    """Whether an unlabelled use takes a number in its scope."""
    is_never_negative: ClassVar[bool] = False
    """Whether no element of its result is below 0."""
    elsewhere: ClassVar[str] = ""
    """Where to find what it has no attribute for."""
    gathers: bool = False
    """Whether it reads what all turns of a loop have made."""
    makes: str = "output"
    """What its results are called."""
    examples: ClassVar[Examples] = ()

    def resolve(self, *operands: TensorType) -> Self:
        """The operator with attributes that depend on the operand spelled out (a window for each axis)."""
        return self

    def with_switches(self) -> Self | None:
        """The operator with a further result, the switches that `unpool` reads; None for all but max-pools."""
        return None

    def infer(self, *operands: TensorType) -> Types:
        """The types of the results. Raises `Misfit`. Elementwise operators keep the type of their operand."""
        return (operands[0],)

    def state(self, *operands: TensorType) -> tuple[State, ...]:
        """Parameters and buffers, in the order of PyTorch's `state_dict`; then what it leaves out."""
        return ()

    def read(self, operands: Sequence[T]) -> Sequence[T]:
        """Of its operands, or of what is known of each, those whose elements it reads and whose gradients it makes."""
        return operands[:1] if self.lends_sizes else operands

    def reach(self, *operands: TensorType) -> Reach:
        """How an output unit reads its input."""
        return "pointwise"

    def reach_of(self, result: int, *operands: TensorType) -> Reach:
        """How a unit of one of several results reads the input."""
        return self.reach(*operands)

    def reads_less(self, *operands: TensorType) -> bool:
        """Whether some units read less of an axis than `reach` says: a running sum what came before, a mask what it shows."""
        return False

    @property
    def keeps_sign(self) -> bool:
        """Whether no element of its results is below 0 where none of its first operand is."""
        return False

    def with_scale_and_shift(self, *operands: TensorType) -> Self | None:
        """The operator with a bias, if its weights can scale and shift each channel of its result; else None.

        Each row of its weight, along the first axis, makes one channel, unless it has `transposed_groups`.
        """
        return None

    @property
    def transposed_groups(self) -> int:
        """Its groups, if its weight is `[in, out / groups, ...]`; else 0."""
        return 0

    @property
    def is_identity_in_inference(self) -> bool:
        """Whether it gives back its operand itself when not training (`dropout`): nothing is allocated then."""
        return False

    def summary(self) -> str:
        """The short form for tables and pictures: `conv 3x3, 64 /2`."""
        return self.name
