"""`lstm`: long short-term memory."""

from __future__ import annotations

from typing import ClassVar

from archdsl.ir import Examples, Types
from archdsl.ops.families.recurrent import Peak, Peaks, Recurrent


class Lstm(Recurrent):
    """Long short-term memory over tokens `[T, C]`, Hochreiter & Schmidhuber 1997: gates decide what a cell keeps.

    The result is the state after each token, `[T, hidden]`; `select(-1)` is the last one. With `bidirectional=true` the
    states of a pass from the end stand behind them, `[T, 2 * hidden]`.

    With `final=true` the states and the cells after the last token are results too, a row for each layer, and for each
    direction: `as tokens, states, cells`. `start` and `cell` are such values from which it starts, else zeros.

    Bytes are those of PyTorch's own steps: oneDNN on a CPU, and cuDNN on a GPU, may run whole layers and keep a workspace
    instead, whose size only they know.
    """

    name = "lstm"
    gates = 4
    states = 2
    tensor_attributes = ("start", "cell")
    module = "LSTM"
    peaks = (
        Peaks(Peak(4, 9), Peak(5, 3), Peak(7, 2), Peak(3, 2), short=1),
        Peaks(Peak(6, 10), Peak(8, 6), Peak(12, 5), Peak(8, 5), short=0),
    )
    examples: ClassVar[Examples] = (
        ("lstm(256)", "[100, 64]", "[100, 256]"),
        ("lstm(256, layers=2, bidirectional=true)", "[100, 64]", "[100, 512]"),
    )

    def unknown_bytes(self, operands: Types, results: Types) -> str:
        return "oneDNN runs an lstm as one kernel, and only it knows the size of the workspace that this keeps"
