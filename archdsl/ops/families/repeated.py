"""Learned tensors among values that are put side by side: they are repeated over the batch first."""

from __future__ import annotations

from collections.abc import Sequence

from archdsl.ir import Derivative, Gradient, Incoming, Misfit, Shape, TensorType, Types, show_shape
from archdsl.ir.strides import CHANNELS_LAST, is_channels_last
from archdsl.ops.families.merge import batched_rank
from archdsl.source import counted


def repeated(op: str, operands: Types) -> Types:
    """The operands as they are put together; where any has a batch axis, all have. Raises `Misfit`."""
    rank = batched_rank(operands)
    if rank is None:
        return operands
    return tuple(x if x.batched else _repeated(op, x, rank, index) for index, x in enumerate(operands))


def _repeated(op: str, x: TensorType, rank: int, operand: int) -> TensorType:
    if x.rank != rank + 1 or x.shape[0] != 1:
        raise Misfit(
            f"`{op}` repeats a learned tensor over the batch, and {show_shape(x.shape)} has no leading 1 for it",
            code="shape-mismatch",
            operand=operand,
            label=f"{counted(x.rank, 'axis')} beside {rank} and the batch"
            if x.rank != rank + 1
            else f"{x.shape[0]}, not 1",
            help=f"write `parameter({show_shape((1, *x.shape))})`" if x.rank == rank else None,
        )
    return over_batch(x)


def over_batch(x: TensorType) -> TensorType:
    """A learned tensor whose leading 1 stands for the batch; that of one sample is the tensor itself."""
    first, *strides = x.tensor_strides
    return x._replace(shape=x.shape[1:], batched=True, strides=(0 if x.samples > 1 else first, *strides))


def put_together(values: Types, shape: Shape) -> TensorType:
    """The type of values put one behind the other by `torch.cat`: channels last where all are."""
    result = values[0].with_shape(shape)
    axes = len(result.tensor_shape)
    if axes > 3 and all(x.strides is not None and is_channels_last(x.tensor_shape, x.strides) for x in values):
        return result.in_order(shape, CHANNELS_LAST[axes])
    return result


def of_parts(parts: Sequence[TensorType], operands: Types, incoming: Incoming) -> tuple[Derivative, ...]:
    """The derivatives of values put side by side: views of the gradient, of the repeated ones summed over the batch."""
    is_batched = any(x.batched for x in operands)
    is_repeated = [is_batched and not x.batched for x in operands]
    names = [f"repeated {i}" if r else f"x{i}" for i, r in enumerate(is_repeated)]
    views = tuple(Gradient(name, part, "view") for name, part in zip(names, parts, strict=True))
    sums = (
        Derivative((summed(f"x{i}", x, parts[i], incoming),), (names[i],))
        for i, x in enumerate(operands)
        if is_repeated[i]
    )
    return Derivative(views), *sums


def summed(of: str, x: TensorType, part: TensorType, incoming: Incoming) -> Gradient:
    """The gradient of a learned tensor that was repeated over the batch: the sum over it."""
    if not incoming.is_single:
        return Gradient(of, x.with_shape(x.shape))
    return Gradient(of, x.with_strides(x.shape, part.tensor_strides), "view")


def listed(operands: Types) -> str:
    """The operands as Python lists them, the learned ones expanded to the batch of one that has it."""
    batch = next((i for i, x in enumerate(operands) if x.batched), None)
    parts = [
        f"{{{i}}}" if x.batched or batch is None else f"{{{i}}}.expand({{{batch}}}.shape[0]{', -1' * (x.rank - 1)})"
        for i, x in enumerate(operands)
    ]
    return f"[{', '.join(parts)}]"
