"""The base of every operator: one class holds all the facts that the rest of archdsl asks for.

An operator's attributes are its fields, checked and frozen; its facts are methods over the types of its operands and results.
They are told chapter by chapter: `Signature`, `Counted`, `Stored`, `Trained`, and here what PyTorch runs of it. Where it was
written it does not know: it raises `Misfit`, to which the elaborator adds spans and chains of calls.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, ClassVar, Literal

from archdsl.ir.op.lowering import Lowering
from archdsl.ir.op.signature import Types
from archdsl.ir.op.trained import Trained
from archdsl.ir.types import TensorType

if TYPE_CHECKING:
    from archdsl.ir.graph import Module

Autocast = Literal["lower", "lower inside", "float32", "inside", "follows", "promotes", "raises"]
KernelPrecision = Literal["float32", "half", "mixed"]
"""Of a network: float32, another type in all of it, or such a one where CUDA's autocast says so."""


class Op(Trained):
    """An operator with its attributes bound, and what PyTorch runs of it on a device and in a precision."""

    autocast: ClassVar[Autocast] = "follows"
    """With CUDA's autocast: in lower precision, in float32, or in that of its operands: the widest, to which others are cast
    (`follows`) or read as they are (`promotes`); or it reads them as they are and gives float32 (`raises`)."""
    cast_late: ClassVar[tuple[str, ...]] = ()
    """Parameters that autocast casts in the middle of an operator of several kernels, in the reverse order of that: their
    gradients are cast back as soon as they are there."""
    casts_views: ClassVar[bool] = False
    """Whether it reads views of learned tensors, which autocast casts anew each time."""

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

    def on_lower(self, *operands: TensorType) -> Op:
        """The operator as a CPU's autocast runs it on values in lower precision, which its weights are not in."""
        return self

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

    def autocast_on_cpu(self, *operands: TensorType) -> Autocast:
        """`autocast` by a CPU's lists, which leave most of what CUDA's run in float32 as it is, and cast some operands for one
        kernel alone, within it: to float32 (`inside`), or to lower precision (`lower inside`)."""
        return "follows" if self.autocast in ("float32", "raises") else self.autocast

    def is_known_in_half(self, operands: Types) -> bool:
        """Whether all of its bytes are known in half precision, where PyTorch runs some steps in float32, or none on a CPU."""
        return True

    def is_cast_exactly(self, operands: Types, results: Types, *, is_lower: bool) -> bool:
        """Whether all of its bytes are known under a CPU's autocast, of operands in lower precision already (`is_lower`) or in
        float32: not where what is kept may have been made before a cast or after it."""
        return self.autocast != "lower" or is_lower or not self.saved(operands, results).extra

    def pytorch(self, *operands: TensorType) -> Lowering:
        """What it becomes in PyTorch."""
        raise NotImplementedError(f"{self.name} has no lowering")
