"""`lstm`: long short-term memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

from archdsl.ir import Examples, Extra, KernelPrecision, Module, Op, Saved, TensorType, Types
from archdsl.ops.families.copies import laid_in_order, made
from archdsl.ops.families.layer_by_layer import layer_by_layer, workspace
from archdsl.ops.families.recurrent import Recurrent
from archdsl.ops.families.step_by_step import Layers


class Pass(NamedTuple):
    """One direction of one layer: a call of oneDNN's kernel."""

    key: str
    """What ends the names of its weights: `l0_reverse`."""
    layer: int
    features: int
    """That it reads of each token."""


class Lstm(Recurrent):
    """Long short-term memory over tokens `[T, C]`, Hochreiter & Schmidhuber 1997: gates decide what a cell keeps.

    The result is the state after each token, `[T, hidden]`; `select(-1)` is the last one. With `bidirectional=true` the
    states of a pass from the end stand behind them, `[T, 2 * hidden]`.

    With `final=true` the states and the cells after the last token are results too, a row for each layer, and for each
    direction: `as tokens, states, cells`. `start` and `cell` are such values from which it starts, else zeros.

    Bytes are those of a CPU, where PyTorch runs each direction of a layer as one kernel of oneDNN in float32
    (`mkldnn_rnn` in ATen's `native/mkldnn/RNN.cpp`), which keeps a workspace. cuDNN on a GPU runs all layers at once and
    keeps a workspace of its own, whose size only it knows.
    """

    name = "lstm"
    gates = 4
    states = 2
    tensor_attributes = ("start", "cell")
    module = "LSTM"
    examples: ClassVar[Examples] = (
        ("lstm(256)", "[100, 64]", "[100, 256]"),
        ("lstm(256, layers=2, bidirectional=true)", "[100, 64]", "[100, 512]"),
    )

    def _passes(self, x: TensorType) -> Iterator[Pass]:
        """In the order in which they run."""
        for layer, features in enumerate(self._inputs(x)):
            for end in ("", "_reverse")[: self._directions]:
                yield Pass(f"l{layer}{end}", layer, features)

    @property
    def _count(self) -> int:
        return self.layers * self._directions

    def is_known_in_half(self, operands: Types) -> bool:
        """Whether oneDNN runs it in half precision depends on the CPU."""
        return False

    def saved(self, operands: Types, results: Types) -> Saved:
        """What each kernel reads and makes (`mkldnn_rnn_layer` in `derivatives.yaml`), and what leads from one to the next."""
        x = operands[0]
        t, rows = x.shape[0], self._count * self.hidden
        found = [Extra("first states", (rows,)), Extra("first cells", (rows,))]
        is_result = self._directions == 1
        for p in self._passes(x):
            found += [Extra(f"{name}_{p.key}", (self.hidden,)) for name in ("state", "cell")]
            found += workspace(t, p.features, self.hidden, f"_{p.key}")
            found += self._no_biases(p)
            if not (is_result and p.layer == self.layers - 1):
                found.append(Extra(f"output_{p.key}", (t * self.hidden,)))
        for layer in range(self.layers - 1):
            found += self._between(layer, t * self._directions * self.hidden)
        kept = Saved((0,), result=is_result, kept_results=(0,), extra=tuple(found))
        copies = made(x, laid_in_order(x, (1, 0, 2)))
        if not copies:
            return kept
        if copies[0].in_batches:
            return kept._replace(copies=((0, copies[0]),))
        return kept._replace(operands=(), extra=(*copies, *found))

    def on_cuda(self, *operands: TensorType, precision: KernelPrecision = "float32") -> Op:
        """The same, but in no whole pages: what cuDNN keeps is not known, and so one step tells of all batches."""
        return _WithoutPages(**self.attributes)

    def _between(self, layer: int, size: int) -> Iterator[Extra]:
        """What a further layer reads of this one, where that is not its output, and what dropout multiplies it by."""
        if self.dropout:
            yield Extra(f"noise_{layer}", (size,)) if self.dropout < 1 else Extra(f"noise_{layer}", (), batched=False)
        if self.dropout or self._directions == 2:
            yield Extra(f"input_{layer + 1}", (size,))

    def _no_biases(self, p: Pass) -> tuple[Extra, ...]:
        """The zeros in their place, which are of the sizes of the weights."""
        rows = self.gates * self.hidden
        return () if self.bias else (Extra(f"zeros_{p.key}", (rows * (p.features + self.hidden),), batched=False),)

    @property
    def is_other_on_meta(self) -> bool:
        """It runs token by token there, as a GRU does everywhere."""
        return True

    def run_by(self, layers: Layers, operands: Types, *, is_single: bool) -> Module:
        return layer_by_layer(layers, operands, is_single=is_single)

    def training_scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        """At the end the states of all layers are put together."""
        return () if self.final else (Extra("last states and cells", (2 * self._count * self.hidden,)),)

    def scratch(self, operands: Types, results: Types) -> tuple[Extra, ...]:
        """At the end, or while directions are joined, or while a further layer runs."""
        x = operands[0]
        t, last = x.shape[0], 2 * self._count
        if self._directions == 1:
            most = max(t * min(self.layers, 2), t + last)
        else:
            most = max(t * (6 if self.layers > 1 else 4), 4 * t + last)
        return self._beside(x, most)

    def _beside(self, x: TensorType, most: int) -> tuple[Extra, ...]:
        """What is there beside the results.

        Args:
            most: values for each hidden unit, beside the states that it starts from and those after each layer.
        """
        rows = 2 * self._count
        results = x.shape[0] * self._directions + rows * self.final
        beside = Extra("states, cells and outputs", ((2 * rows + most - results) * self.hidden,))
        return beside, *made(x, laid_in_order(x, (1, 0, 2)))

    def _in_kernel(self, p: Pass, tokens: int) -> int:
        """Values for each hidden unit while a kernel runs: outputs, less the states of layers that are to come."""
        outputs = (2, 5) if p.layer else (1, 2)
        return tokens * outputs[self._directions - 1] - 2 * self._directions * (self.layers - 1 - p.layer)

    def preparation(self, operands: Types) -> tuple[tuple[Extra, ...], ...]:
        """The kernels, with zeros in place of biases."""
        if self.bias:
            return ()
        x, tokens = operands[0], operands[0].shape[0]
        results = tokens * self._directions + 2 * self._count * self.final
        return tuple(
            (*self._beside(x, self._in_kernel(p, tokens) + results), *self._no_biases(p)) for p in self._passes(x)
        )


class _WithoutPages(Lstm):
    """What is kept for a batch, not rounded up."""

    def saved(self, operands: Types, results: Types) -> Saved:
        kept = super().saved(operands, results)
        return kept._replace(extra=tuple(extra._replace(in_pages=False) for extra in kept.extra))
