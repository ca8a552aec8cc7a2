"""What an operator says of itself, as a training step asks it once for all uses of a module."""

from __future__ import annotations

from typing import NamedTuple

from archdsl.analyses.memory.settings import Kernels, TrainingSettings
from archdsl.analyses.memory.size import Size, Stands, of_type, touched
from archdsl.ir import Autocast, Extra, Node, Op, Saved, State, TensorType


class NodeFacts(NamedTuple):
    """The answers."""

    op: Op
    """As the device runs it."""
    saved: Saved
    scratch: tuple[Extra, ...]
    state: tuple[tuple[State, Size], ...]
    autocast: Autocast
    is_alias: bool
    """Whether it gives back its operand itself."""
    is_exact: bool
    """Whether its bytes are known."""
    has_pages: bool
    """Whether some tensor takes whole pages of memory."""
    is_of_any_device: bool
    """Whether a GPU's operator makes the same tensors as a CPU's."""
    workspace: Size | None
    """Of a convolution or attention all that it touches."""


def ask(node: Node, settings: TrainingSettings, kernels: Kernels, *, is_in_place: bool) -> NodeFacts:
    """Asks the operator of a node."""
    own = node.operator
    assert isinstance(own, Op)
    is_float32 = settings.dtype == "float32"
    on_cuda = own.on_cuda(
        *node.operand_types, precision="float32" if is_float32 else "mixed" if settings.is_mixed else "half"
    )
    op = own if kernels == "cpu" else on_cuda
    types = operands, results = node.operand_types, node.result_types
    in_place = op.saved_in_place(*types) if is_in_place else None
    saved = op.saved(*types) if in_place is None else in_place
    is_exact = op.is_derived_exactly(operands) and not op.unknown_bytes(*types)
    is_exact &= settings.parameter_dtype == "float32" or op.is_derived_exactly_in_half(operands)
    if settings.is_mixed:  # of what is made of learned tensors alone the precision is not known
        is_exact &= op.is_cast_exactly(*types) and all(t.batched for t in results)
    workspaces = {"conv": settings.dtype, "attention": "float32"}
    return NodeFacts(
        op,
        saved,
        op.training_scratch(*types),
        tuple((state, bytes_of(state, settings)) for state in node.state),
        op.autocast if settings.autocast == "cuda" else op.autocast_on_cpu(*operands),
        results == operands[:1] and op.is_view(*operands) and bool(op.read(operands)),
        is_exact,
        any(extra.in_pages for extra in saved.extra),
        on_cuda is own,
        touched(node, workspaces[op.category]) if op.category in workspaces else None,
    )


def bytes_of(state: State, settings: TrainingSettings) -> Size:
    """Of a tensor that an operator owns."""
    stands = Stands(settings.parameter_dtype, settings.parameter_dtype)
    return of_type(TensorType(state.shape, state.dtype, batched=False), stands)
