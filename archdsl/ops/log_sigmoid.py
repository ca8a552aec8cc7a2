"""`log_sigmoid`."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples, Extra, KernelPrecision, Op, Saved, TensorType, Types
from archdsl.ops.families.activation import Activation


class LogSigmoid(Activation):
    """The logarithm of the sigmoid: -log(1 + exp(-x)). On the CPU PyTorch keeps exp(-|x|) beside the input."""

    name = "log_sigmoid"
    module = "LogSigmoid"
    function = "F.logsigmoid"
    examples: ClassVar[Examples] = (("log_sigmoid", "[128]", "[128]"),)

    def infer(self, *operands: TensorType) -> Types:
        (y,) = super().infer(*operands)
        return (y.with_shape(y.shape),)

    def saved(self, operands: Types, results: Types) -> Saved:
        return Saved(operands=(0,), extra=self.scratch(operands, results))

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        return (Extra.like("exp(-|x|)", operands[0]),)

    def on_cuda(self, *operands: TensorType, precision: KernelPrecision = "float32") -> Op:
        """What is kept beside it is empty there (`log_sigmoid_forward_cuda` in ATen's `ActivationLogSigmoidKernel.cu`)."""
        return _OfItself(**self.attributes)


class _OfItself(LogSigmoid):
    """Only the operand is kept."""

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        return ()
