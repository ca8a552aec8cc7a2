"""`rnn`: the plain recurrent layer."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples, Module, Types
from archdsl.ops.families.recurrent import Peak, Peaks, Recurrent
from archdsl.ops.families.step_by_step import Layers, StepByStep, tanh_cell


class Rnn(Recurrent):
    """The plain recurrent layer over tokens `[T, C]`, Elman 1990: tanh of the projections of state and token.

    The result is the state after each token, `[T, hidden]`; `select(-1)` is the last one. With `bidirectional=true` the
    states of a pass from the end stand behind them, `[T, 2 * hidden]`.

    With `final=true` the states after the last token are results too, a row for each layer, and for each direction:
    `as tokens, states`. `start` is such a value from which it starts, else zeros.
    """

    name = "rnn"
    gates = 1
    states = 1
    kept = Peak(1, 1)
    module = "RNN"
    peaks = (Peaks(Peak(2, 1), Peak(0, 0), Peak(0, 1)), Peaks(Peak(5, 2), Peak(0, 0), Peak(2, 2)))
    examples: ClassVar[Examples] = (
        ("rnn(256)", "[100, 64]", "[100, 256]"),
        ("rnn(256, layers=2, final=true)", "[100, 64]", "[100, 256], [2, 256]"),
    )

    def run_by(self, layers: Layers, operands: Types, *, is_single: bool) -> Module:
        return StepByStep(layers, tanh_cell).program(operands, is_single=is_single)
