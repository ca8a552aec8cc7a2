"""`drop_path`: stochastic depth."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import RESULT, Examples, Extra, Helper, Kernel, Lowering, Op, Saved, TensorType, Types, Wanted, number
from archdsl.ir.op.attrs import Field, Probability
from archdsl.ops.families.calls import helper_call
from archdsl.ops.families.checks import check_float


class DropPath(Op):
    """While training each sample is 0 as a whole with probability p, else divided by 1 - p; otherwise nothing happens.

    On the arm of a residual unit it drops the unit: stochastic depth, Huang et al. 2016.
    """

    name = "drop_path"
    category = "regularization"
    positional = 1
    examples: ClassVar[Examples] = (
        ("drop_path(0.2)", "[112, 14, 14]", "[112, 14, 14]"),
        ("drop_path", "[197, 768]", "[197, 768]"),
    )

    p: Probability = Field(0.5, description="probability that a sample is dropped")

    def infer(self, *operands: TensorType) -> Types:
        check_float(self.name, operands[0])
        return operands  # where it lies is said as of inference; gaps are closed while training

    def is_view(self, *operands: TensorType) -> bool:
        """With p = 0 the value itself comes back, in training too."""
        return self.p == 0

    @property
    def keeps_sign(self) -> bool:
        return True

    @property
    def is_identity_in_inference(self) -> bool:
        return True

    @property
    def is_composed(self) -> bool:
        return True

    def _factor(self, x: TensorType) -> Extra:
        return Extra("factor", (), x.dtype)

    def saved(self, operands: Types, results: Types) -> Saved:
        return Saved() if self.p == 0 else Saved(extra=(self._factor(operands[0]),))

    def kernels(self, operands: Types, results: Types, wanted: Wanted) -> tuple[Kernel, ...]:
        """A factor for each sample, over the share that stays, which is a tensor meanwhile; and the product."""
        factor, result = self._factor(operands[0]), Kernel((Extra(RESULT, ()),))
        if self.p in (0, 1):
            return (Kernel((factor,)), result) if self.p else ()
        return Kernel((factor, number(0)), ("number 0",)), result

    def gradient_type(self, x: TensorType, y: TensorType, incoming: TensorType) -> TensorType:
        return incoming.computed()

    def pytorch(self, *operands: TensorType) -> Lowering:
        return helper_call(_DROP_PATH, (self.p,))


_DROP_PATH = Helper(
    "DropPath",
    '''
class DropPath(nn.Module):
    """Drops whole samples while training (stochastic depth, Huang et al. 2016)."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0.0:
            return x
        factor = x.new_empty(x.shape[0], *[1] * (x.ndim - 1)).bernoulli_(1.0 - self.p)
        return x * (factor.div_(1.0 - self.p) if self.p < 1.0 else factor)
''',
    ("Tensor", "nn"),
)
