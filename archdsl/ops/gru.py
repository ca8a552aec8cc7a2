"""`gru`: gated recurrent units."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples, Module, Types
from archdsl.ops.families.recurrent import Peak, Peaks, Recurrent
from archdsl.ops.families.step_by_step import Layers, StepByStep, gru_cell


class Gru(Recurrent):
    """Gated recurrent units over tokens `[T, C]`, Cho et al. 2014: one gate mixes old and new state, one resets it.

    The result is the state after each token, `[T, hidden]`; `select(-1)` is the last one. With `bidirectional=true` the
    states of a pass from the end stand behind them, `[T, 2 * hidden]`.

    With `final=true` the states after the last token are results too, a row for each layer, and for each direction:
    `as tokens, states`. `start` is such a value from which it starts, else zeros.

    Bytes are those of PyTorch's own steps: cuDNN on a GPU runs whole layers and keeps a workspace instead, whose size only
    it knows.
    """

    name = "gru"
    gates = 3
    states = 1
    module = "GRU"
    peaks = (Peaks(Peak(3, 5), Peak(4, 1), Peak(2, 1)), Peaks(Peak(5, 5), Peak(7, 2), Peak(6, 2)))
    examples: ClassVar[Examples] = (
        ("gru(256)", "[100, 64]", "[100, 256]"),
        ("gru(256, layers=2, bidirectional=true)", "[100, 64]", "[100, 512]"),
    )

    def run_by(self, layers: Layers, operands: Types, *, is_single: bool) -> Module:
        return StepByStep(layers, gru_cell).program(operands, is_single=is_single)
