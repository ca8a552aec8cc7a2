"""What an operator keeps and makes in a training step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from archdsl.ir.op.backward import Derivative, Gradient, Incoming
from archdsl.ir.op.saved import Extra, Kernel, Reader, Saved, Wanted
from archdsl.ir.op.signature import Types
from archdsl.ir.op.stored import Stored
from archdsl.ir.types import TensorType


class Trained(Stored):
    """What it keeps for backward, what it makes and drops on the way there, and how its gradients are made."""

    keeps_weights: ClassVar[bool] = False
    """Whether autograd keeps its weights even where no operand needs a gradient."""
    weights_for: ClassVar[Mapping[str, tuple[Reader, ...]]] = {}
    """Of an operator of several kernels: whose gradients read each of its weights, where not those of its operands."""
    last_layer: ClassVar[tuple[str, ...]] = ()
    """The parameters of its last product, where that reads what backward needs last: a second run stops before it."""
    stops_behind: ClassVar[str] = ""
    """Of an operator of several kernels: the tensor behind which a second run stops, whatever is frozen."""
    is_forgotten_exactly: ClassVar[bool] = True
    """Whether `forgotten_scratch` is all; else some bytes more may be there in the first run."""

    def infer_in_training(self, *operands: TensorType) -> Types | None:
        """The types of the results in training on a CPU, where they lie in another way than in inference."""
        return None

    def trains_alone(self, *operands: TensorType) -> bool:
        """Whether PyTorch trains it on a single sample: not a batch norm that has one value for each channel."""
        return True

    def saved(self, operands: Types, results: Types) -> Saved:
        """What a training step keeps for backward, when the operator does not run in place."""
        return Saved()

    def saved_in_place(self, operands: Types, results: Types) -> Saved | None:
        """What it keeps when it overwrites its operand; None where it cannot, or where nothing is gained."""
        return None

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

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        """How its gradients are made, in the order of their making; unless told otherwise by one kernel, that of each
        operand and of each parameter."""
        return (Derivative((*self.laid_out(operands, results, incoming), *self.parameter_gradients(operands))),)

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

    @property
    def is_composed(self) -> bool:
        """Whether it is several kernels: when the last tensor that one keeps is made, others of its own are still there."""
        return False

    def is_derived_exactly(self, operands: Types) -> bool:
        """Whether `backward` says it to the byte; else it is an estimate."""
        return True

    @property
    def is_other_on_meta(self) -> bool:
        """Whether PyTorch runs it in other steps on the meta device, which keep other tensors for backward."""
        return self.category == "attention"
