"""The base of every operator: one class holds all the facts that the rest of archdsl asks for.

An operator's attributes are its fields, checked and frozen; its facts are methods over the types of its operands and results.
Where it was written it does not know: it raises `Misfit`, to which the elaborator adds spans and chains of calls.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, Self, TypeVar

from archdsl.ir.attributes import Attributes
from archdsl.ir.backward import Derivative, Gradient, Incoming
from archdsl.ir.lowering import Lowering
from archdsl.ir.multiply_adds import MultiplyAdds
from archdsl.ir.reach import Reach
from archdsl.ir.saved import Extra, Kernel, Reader, Saved, Wanted
from archdsl.ir.types import ITEM_SIZE, Shape, TensorType

if TYPE_CHECKING:
    from archdsl.ir.graph import Module

T = TypeVar("T")
Autocast = Literal["lower", "lower inside", "float32", "inside", "follows", "promotes", "raises"]
KernelPrecision = Literal["float32", "half", "mixed"]
"""Of a network: float32, another type in all of it, or such a one where CUDA's autocast says so."""

Category = Literal[
    "conv", "pool", "linear", "attention", "norm", "activation", "merge", "parameter", "reshape", "regularization"
]
"""What kind of layer an operator is: its colour in pictures and its row in `report flops`."""

MisfitCode = Literal["attribute-value", "shape-mismatch", "window-too-large", "wrong-rank", "wrong-dtype"]
Types = tuple[TensorType, ...]
Examples = tuple[tuple[str, str, str], ...]
"""Uses that hold: (call, input shapes, output shapes), as `("conv(64, 3x3, pad=1)", "[3, 32, 32]", "[64, 32, 32]")`."""


class Misfit(Exception):
    """Operands or attributes that do not fit: a fact for the elaborator to word and place."""

    def __init__(
        self,
        message: str,
        *,
        code: MisfitCode = "attribute-value",
        attribute: str | None = None,
        operand: int | None = None,
        label: str | None = None,
        notes: tuple[str, ...] = (),
        help: str | None = None,
        instead: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.instead = instead
        """What can be written in place of the attribute's value, as it stands."""
        self.code = code
        self.attribute = attribute
        self.operand = operand
        self.label = label
        self.notes = notes
        self.help = help


class State(NamedTuple):
    """One tensor that an operator owns, as the `state_dict` names and shapes it."""

    name: str
    shape: Shape
    dtype: str = "float32"
    role: Literal["parameter", "frozen", "buffer", "constant"] = "parameter"
    """`frozen` is kept like a parameter but never trained (fixed RBF centers); it is stored as a buffer. A `constant` is a
    buffer that the `state_dict` leaves out."""

    def key(self, path: str) -> str:
        """Its name in the `state_dict`; a tensor without a name of its own has that of its operator."""
        return f"{path}.{self.name}" if self.name else path

    @property
    def is_in_state_dict(self) -> bool:
        return self.role != "constant"

    @property
    def numel(self) -> int:
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        return self.numel * ITEM_SIZE[self.dtype]


class Op(Attributes):
    """An operator with its attributes bound.

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
    autocast: ClassVar[Autocast] = "follows"
    """With CUDA's autocast: in lower precision, in float32, or in that of its operands: the widest, to which others are cast
    (`follows`) or read as they are (`promotes`); or it reads them as they are and gives float32 (`raises`)."""
    is_source: ClassVar[bool] = False
    """Whether its result is a tensor of its own state: nothing is made when it runs (`parameter`, `constant`)."""
    last_layer: ClassVar[tuple[str, ...]] = ()
    """The parameters of its last product, where that reads what backward needs last: a second run stops before it."""
    is_itself_of_one: ClassVar[bool] = True
    """Whether a merge of one value is that value."""
    is_forgotten_exactly: ClassVar[bool] = True
    """Whether `forgotten_scratch` is all; else some bytes more may be there in the first run."""
    reads_unbatched: ClassVar[bool] = False
    """Whether it takes values without a batch axis, learned tensors and what is made of them."""
    numbered: ClassVar[bool] = True
    """Whether an unlabelled use takes a number in its scope."""
    is_never_negative: ClassVar[bool] = False
    """Whether no element of its result is below 0."""
    is_weight_layer: ClassVar[bool] = False
    """Whether it counts in `depth`: conv, depthwise, conv_transpose, locally_connected, linear."""
    elsewhere: ClassVar[str] = ""
    """Where to find what it has no attribute for."""
    gathers: bool = False
    """Whether it reads what all turns of a loop have made."""
    makes: str = "output"
    """What its results are called."""
    examples: ClassVar[Examples] = ()
    cast_late: ClassVar[tuple[str, ...]] = ()
    """Parameters that autocast casts in the middle of an operator of several kernels, in the reverse order of that: their
    gradients are cast back as soon as they are there."""
    casts_views: ClassVar[bool] = False
    """Whether it reads views of learned tensors, which autocast casts anew each time."""
    keeps_weights: ClassVar[bool] = False
    """Whether autograd keeps its weights even where no operand needs a gradient."""
    weights_for: ClassVar[Mapping[str, tuple[Reader, ...]]] = {}
    """Of an operator of several kernels: whose gradients read each of its weights, where not those of its operands."""

    def autocast_on_cpu(self, *operands: TensorType) -> Autocast:
        """`autocast` by a CPU's lists, which leave most of what CUDA's run in float32 as it is, and cast some operands for one
        kernel alone, within it: to float32 (`inside`), or to lower precision (`lower inside`)."""
        return "follows" if self.autocast in ("float32", "raises") else self.autocast

    def on_cuda(self, *operands: TensorType, precision: KernelPrecision = "float32") -> Op:
        """The operator as PyTorch runs it on a GPU, where kernels keep other tensors than on a CPU."""
        return self

    def on_cpu(self, *operands: TensorType, precision: KernelPrecision = "float32") -> Op:
        """The operator as a CPU runs it, where PyTorch takes some steps in float32 in networks of half precision."""
        return self

    def inferring(self, *operands: TensorType) -> Op:
        """The operator as a CPU's autocast runs it in inference, where one kernel may do all of it."""
        return self

    def requiring(self, wanted: Collection[int], *operands: TensorType) -> Op:
        """The operator as PyTorch runs it where of its operands only these require gradients, whether any is made or not."""
        return self

    def resolve(self, *operands: TensorType) -> Self:
        """The operator with attributes that depend on the operand spelled out (a window for each axis)."""
        return self

    def with_switches(self) -> Self | None:
        """The operator with a further result, the switches that `unpool` reads; None for all but max-pools."""
        return None

    def infer(self, *operands: TensorType) -> Types:
        """The types of the results. Raises `Misfit`. Elementwise operators keep the type of their operand."""
        return (operands[0],)

    def infer_in_training(self, *operands: TensorType) -> Types | None:
        """The types of the results in training on a CPU, where they lie in another way than in inference."""
        return None

    def state(self, *operands: TensorType) -> tuple[State, ...]:
        """Parameters and buffers, in the order of PyTorch's `state_dict`; then what it leaves out."""
        return ()

    def multiply_adds(self, operands: Types, results: Types) -> tuple[MultiplyAdds, ...]:
        """Those of convolutions, linear layers and products for one sample; elementwise work is none. A weight layer has them
        for each result, unless it says otherwise."""
        return (MultiplyAdds(self.fan_in(*operands), results[0].shape),) if self.is_weight_layer else ()

    def macs(self, operands: Types, results: Types, *, is_cut: bool = False) -> int:
        """How many these are; with `is_cut` without the last product."""
        return sum([each.total for each in self.multiply_adds(operands, results)[: -1 if is_cut else None]])

    def macs_backward(self, operands: Types, results: Types, needs: Sequence[bool], trained: Collection[str]) -> int:
        """Multiply-adds of backward for one sample: as many as forward for the weights, and for each operand with a gradient.

        Args:
            needs: which operands depend on something that is trained.
            trained: the names of its own parameters that are.
        """
        trains = any("bias" not in name for name in trained)
        return self.macs(operands, results) * (trains + sum(needs))

    def connections(self, operands: Types, results: Types) -> int:
        """Uses of a weight or a bias for one sample, as LeCun et al. 1998 count them."""
        return 0

    def fan_in(self, *operands: TensorType) -> Shape:
        """The factors of the weights that one output channel or feature reads, height first: `(3, 3, 64)`."""
        return ()

    def reach(self, *operands: TensorType) -> Reach:
        """How an output unit reads its input."""
        return "pointwise"

    def reach_of(self, result: int, *operands: TensorType) -> Reach:
        """How a unit of one of several results reads the input."""
        return self.reach(*operands)

    def reads_less(self, *operands: TensorType) -> bool:
        """Whether some units read less of an axis than `reach` says: a running sum what came before, a mask what it shows."""
        return False

    def counts_values(self, operands: Types, results: Types) -> bool:
        """Whether the results stand in a lecture's activation table: weight layers, `subsample` and pools."""
        return self.is_weight_layer

    @property
    def counts_neurons(self) -> bool:
        """Whether the results count as neurons: weight layers, `subsample` and `rbf`."""
        return self.is_weight_layer

    def saved(self, operands: Types, results: Types) -> Saved:
        """What a training step keeps for backward, when the operator does not run in place."""
        return Saved()

    def saved_in_place(self, operands: Types, results: Types) -> Saved | None:
        """What it keeps when it overwrites its operand; None where it cannot, or where nothing is gained."""
        return None

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        """How its gradients are made, in the order of their making; unless told otherwise by one kernel, that of each
        operand and of each parameter."""
        return (Derivative((*self.laid_out(operands, results, incoming), *self.parameter_gradients(operands))),)

    def program(self, operands: Types, *, is_single: bool) -> Module | None:
        """What a CPU runs in its place while training: operators with nodes of autograd's graph of their own.

        None where it has one node, of which `saved`, `kernels` and `backward` tell all.

        Args:
            is_single: whether the batch has one sample.
        """
        return None

    def program_under_autocast(self, operands: Types, *, is_single: bool) -> Module | None:
        """What any device runs in its place, step by step, where autocast casts what it makes in its middle; else None."""
        return None

    def unknown_bytes(self, operands: Types, results: Types) -> str:
        """Where libraries run it in a kernel of their own: why nobody can foretell what a CPU holds then."""
        return ""

    def is_derived_exactly(self, operands: Types) -> bool:
        """Whether `backward` says it to the byte; else it is an estimate."""
        return True

    def is_known_in_half(self, operands: Types) -> bool:
        """Whether all of its bytes are known in half precision, where PyTorch runs some steps in float32, or none on a CPU."""
        return True

    def is_cast_exactly(self, operands: Types, results: Types, *, is_lower: bool) -> bool:
        """Whether all of its bytes are known under a CPU's autocast, of operands in lower precision already (`is_lower`) or in
        float32: not where what is kept may have been made before a cast or after it."""
        return self.autocast != "lower" or is_lower or not self.saved(operands, results).extra

    def read(self, operands: Sequence[T]) -> Sequence[T]:
        """Of its operands, or of what is known of each, those whose elements it reads and whose gradients it makes."""
        return operands[:1] if self.lends_sizes else operands

    def own_gradients(self, operands: Types) -> tuple[Gradient, ...]:
        """The gradients of its operands, each a tensor of its own."""
        return tuple(Gradient(f"x{i}", type.computed()) for i, type in enumerate(operands[: self.operands]))

    def laid_out(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Gradient, ...]:
        """The gradients of its operands as a kernel makes them of what comes in."""
        own = self.own_gradients(operands)
        lies = ((g, self.gradient_type(g.type, results[0], incoming.type)) for g in own)
        return tuple(g if type is g.type else g._replace(type=type) for g, type in lies)

    def gradient_type(self, x: TensorType, y: TensorType, incoming: TensorType) -> TensorType:
        """How the gradient of an operand lies: as the operand, without gaps, unless told otherwise."""
        return x

    def parameter_gradients(self, operands: Types) -> tuple[Gradient, ...]:
        """The gradients of what it learns, each a tensor of its own."""
        learned = (s for s in self.state(*operands) if s.role == "parameter")
        return tuple(Gradient(s.name, TensorType(s.shape, s.dtype, batched=False)) for s in learned)

    def kernels(self, operands: Types, results: Types, wanted: Wanted) -> tuple[Kernel, ...]:
        """The steps of a forward pass in training, of an operator that PyTorch composes of several. Then they say what is there
        besides result and what is kept, and no scratch is asked for."""
        return ()

    def training_scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        """What it makes and drops while training (`scratch`), beside what is kept then."""
        scratch = self.scratch(operands, results)
        if not scratch:
            return ()
        saved = self.saved(operands, results)
        kept = {extra.name for extra in (*saved.extra, *(copy for _, copy in saved.copies))}
        return tuple(extra for extra in scratch if extra.name not in kept)

    def forgotten_scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        """What it makes and drops while training where nothing is kept: in the first run of a part that is checkpointed."""
        saved = self.saved(operands, results)
        made = (*self.training_scratch(operands, results), *saved.extra, *(copy for _, copy in saved.copies))
        return self.scratch(operands, results) or made

    def frozen_scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        """What it makes and drops while training where no gradient is wanted."""
        return self.forgotten_scratch(operands, results)

    def trains_alone(self, *operands: TensorType) -> bool:
        """Whether PyTorch trains it on a single sample: not a batch norm that has one value for each channel."""
        return True

    def is_view(self, *operands: TensorType) -> bool:
        """Whether the results share the first operand's storage (`flatten`, `split`)."""
        return False

    def is_itself(self, operands: Types, results: Types) -> bool:
        """Whether its result is the first operand itself, the same tensor."""
        return results == operands[:1] and self.is_view(*operands) and bool(self.read(operands))

    def gives_view(self, *operands: TensorType) -> bool:
        """Whether its results are seen in a tensor that it makes: autograd copies where such a view is overwritten."""
        return False

    @property
    def is_composed(self) -> bool:
        """Whether it is several kernels: when the last tensor that one keeps is made, others of its own are still there."""
        return False

    @property
    def is_other_on_meta(self) -> bool:
        """Whether PyTorch runs it in other steps on the meta device, which keep other tensors for backward."""
        return self.category == "attention"

    @property
    def is_identity_in_inference(self) -> bool:
        """Whether it gives back its operand itself when not training (`dropout`): nothing is allocated then."""
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

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        """Tensors made and dropped within the call that live beside operand and result: a max-pool's indices, a padded copy."""
        return ()

    def preparation(self, operands: Types) -> tuple[tuple[Extra, ...], ...]:
        """Step by step the tensors that are there before the result is: while the weights that it runs on are made."""
        return ()

    def pytorch(self, *operands: TensorType) -> Lowering:
        """What it becomes in PyTorch."""
        raise NotImplementedError(f"{self.name} has no lowering")

    def summary(self) -> str:
        """The short form for tables and pictures: `conv 3x3, 64 /2`."""
        return self.name
