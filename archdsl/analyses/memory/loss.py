"""Losses as operators of the tape: of a result and a target, one number."""

from __future__ import annotations

from archdsl.analyses.memory.settings import LossName
from archdsl.ir import Derivative, Extra, Gradient, Incoming, Op, Saved, TensorType, Types

SCALAR = TensorType((), batched=False)


class Loss(Op):
    """Base of the losses."""

    def infer(self, *operands: TensorType) -> Types:
        return (SCALAR._replace(dtype=operands[0].dtype),)

    def target(self, result: TensorType) -> TensorType | None:
        """What a result is compared with."""
        return None

    def room(self, result: TensorType) -> TensorType:
        """What the storage of the loss has room for."""
        return SCALAR._replace(dtype=result.dtype)


class CrossEntropy(Loss):
    """`F.cross_entropy`: log_softmax, then nll_loss. The target has a class for each sample and place."""

    name = "cross_entropy"

    def target(self, logits: TensorType) -> TensorType:
        return TensorType(logits.sizes, "int64")

    def saved(self, operands: Types, results: Types) -> Saved:
        (logits,) = operands
        total = Extra("total weight", (), logits.dtype, batched=False)
        return Saved(extra=(Extra.like("log_softmax", logits), total))

    def backward(self, operands: Types, results: Types, incoming: Incoming) -> tuple[Derivative, ...]:
        plain = operands[0].with_shape(operands[0].shape)
        nll = Derivative((Gradient("log_softmax", plain),))
        return nll, Derivative((Gradient("x0", plain),), takes=("log_softmax",), frees=("log_softmax",))


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
