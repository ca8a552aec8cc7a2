"""Losses as operators of the tape: of a result and a target, one number."""

from __future__ import annotations

from typing import ClassVar

from archdsl.analyses.memory.settings import LossName
from archdsl.ir import Derivative, Extra, Gradient, Incoming, Op, Saved, TensorType, Types

SCALAR = TensorType((), batched=False)


class InOrder(Op):
    """Base of operators whose gradient lies in order, however the result of the network does (`mse_loss_backward` in ATen's
    `native/Loss.cpp`)."""

    def gradient_type(self, x: TensorType, y: TensorType, incoming: TensorType) -> TensorType:
        return x.with_shape(x.shape)


class Loss(InOrder):
    """Base of the losses."""

    def infer(self, *operands: TensorType) -> Types:
        return (SCALAR._replace(dtype=operands[0].dtype),)

    first: ClassVar[Op | None] = None
    """What is done to the result before."""

    def target(self, result: TensorType) -> TensorType | None:
        """What a result is compared with."""
        return None

    def room(self, result: TensorType) -> TensorType:
        """What the storage of the loss has room for."""
        return SCALAR._replace(dtype=result.dtype)


class LogSoftmax(InOrder):
    """The first half of `F.cross_entropy`: with CUDA's autocast in the precision of the logits, since `cross_entropy_loss`
    names that (`aten/src/ATen/native/LossNLL.cpp`), and the list `fp32_set_opt_dtype` leaves what is named."""

    name = "log_softmax"

    def saved(self, operands: Types, results: Types) -> Saved:
        return Saved(result=True)


class CrossEntropy(Loss):
    """`F.cross_entropy`, of which this is nll_loss. The target has a class for each sample and place."""

    name = "cross_entropy"
    first = LogSoftmax()

    def target(self, logits: TensorType) -> TensorType:
        return TensorType(logits.sizes, "int64")

    def saved(self, operands: Types, results: Types) -> Saved:
        return Saved((0,), extra=(Extra("total weight", (), operands[0].dtype, batched=False),))


class MeanSquaredError(Loss):
    """`F.mse_loss` against a target of the same shape. The mean is written over the squares, whose storage it keeps."""

    name = "mse"

    def target(self, result: TensorType) -> TensorType:
        return result.with_shape(result.shape)

    def saved(self, operands: Types, results: Types) -> Saved:
        return Saved((0,))

    def room(self, result: TensorType) -> TensorType:
        return result


class Sum(Loss):
    """The sum of all elements, without a target."""

    name = "none"

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        x = operands[0]
        return (Derivative((Gradient("x0", x.with_strides(x.shape, (0,) * len(x.tensor_shape)), "view"),)),)


LOSSES: dict[LossName, Loss] = {"cross-entropy": CrossEntropy(), "mse": MeanSquaredError(), "none": Sum()}


def loss_of(name: LossName, result: TensorType) -> Loss:
    """The loss of a result. A single number has no axis of classes: its squared error stands for cross entropy."""
    return LOSSES["mse" if name == "cross-entropy" and not result.shape else name]
