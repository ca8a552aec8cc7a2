"""Recurrent layers as PyTorch runs them on a CPU, operator by operator (`aten/src/ATen/native/RNN.cpp`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from archdsl.ir import Derivative, Extra, Gradient, Module, Saved, State, TensorType, Types, Value
from archdsl.ir.strides import BATCH
from archdsl.ops.dropout import Dropout
from archdsl.ops.families.copies import copied, is_copied_now, laid_in_order
from archdsl.ops.families.primitives import Primitive, Program, listed
from archdsl.ops.tanh import Tanh

ORDER = (1, 0, 2)
"""Tokens before samples."""
TANH = Tanh(gain=1, slope=1)


class Pass(NamedTuple):
    """One direction of one layer."""

    learned: tuple[State, ...]
    """Its weights and biases: of what it reads, and of its state."""

    @property
    def rows(self) -> int:
        """Of its projections."""
        return self.learned[0].shape[0]

    @property
    def hidden(self) -> int:
        return self.learned[1].shape[1]

    def of(self, what: str) -> tuple[State, ...]:
        """Those of `ih` or of `hh`, the weight first."""
        return tuple(state for state in self.learned if state.name.partition("_")[2].startswith(what))


def sequences(rows: int, *sizes: int, like: TensorType) -> TensorType:
    """Rows for each token of each sample, tokens before samples."""
    return like.in_order((rows, *sizes), ORDER)


def project(x: TensorType, p: Pass, *, is_single: bool) -> Primitive:
    """The projection of all tokens at once. Where they do not lie in order, the bias is added apart, and for a weight that is
    trained they are copied (`linear` in ATen's `native/Linear.cpp`, `should_fold` in `native/LinearAlgebra.cpp`)."""
    tokens, features = x.shape
    learned = p.of("ih")
    weight, *bias = _gradients(learned)
    own = Gradient("x0", sequences(*x.shape, like=x), "reshaped")
    readers = (weight.of,)
    kept = Saved(for_some=((0, readers),))
    if is_copied_now(copied(x, (tokens * BATCH, features), ORDER), is_single):
        kept = Saved(extra=(Extra("copy", x.shape, readers=readers, is_for_readers=True),))
    gates = sequences(tokens, p.rows, like=x)
    derivatives: tuple[Derivative, ...] = (Derivative((*bias, own, weight)),)
    if bias and is_copied_now(laid_in_order(x, ORDER), is_single):
        product = Gradient("product", gates, "same")
        derivatives = Derivative((product, *bias)), Derivative((own, weight), ("product",), ("x0", "copy"))
    return Primitive("projection", (gates,), derivatives, learned=learned, kept=kept, temporary=kept.extra)


def recur(p: Pass, state: TensorType) -> Primitive:
    """The projection of a state."""
    learned = p.of("hh")
    weight, *bias = _gradients(learned)
    return Primitive(
        "projection",
        (state.with_shape((p.rows,)),),
        (Derivative((*bias, Gradient("x0", state), weight)),),
        learned=learned,
        kept=Saved(for_some=((0, (weight.of,)),)),
    )


def _gradients(learned: Sequence[State]) -> list[Gradient]:
    """A weight is transposed at last, and a bias summed."""
    types = (TensorType(s.shape, s.dtype, batched=False) for s in learned)
    weight, *bias = (Gradient(s.name, type, "reshaped") for s, type in zip(learned, types, strict=True))
    return [weight, *(gradient._replace(how="late") for gradient in bias)]


def unbind(x: TensorType, row: TensorType, count: int, held: int = 0) -> Primitive:
    """Each row for itself, without a copy; backward puts their gradients together.

    Args:
        count: how many rows are listed.
    """
    takes = tuple(f"y{i}" for i in range(count))
    zero = TensorType((), row.dtype, batched=False)  # repeated without a copy
    back = Derivative((Gradient("x0", x),), takes, fills=(zero,) * count)
    return Primitive("rows", (row,) * count, (back,), is_seen=True, gathers=True, held=held)


def stack(rows: Sequence[TensorType], result: TensorType, held: int) -> Primitive:
    """Values in one tensor, of which backward shows each its part."""
    gives = tuple(Gradient(f"x{i}", row, "view") for i, row in enumerate(rows))
    return Primitive("states", (result,), (Derivative(gives),), gathers=True, held=held)


def restack(x: TensorType, result: TensorType) -> Primitive:
    """States that are given, with samples behind layers."""
    return Primitive("states", (result,), (Derivative((Gradient("x0", x.with_shape(x.shape)),)),))


def turn(x: TensorType) -> Primitive:
    """The same elements with samples before tokens, or the other way round."""
    gradient = Gradient("x0", sequences(*x.shape, like=x), "view")
    return Primitive("turned", (x,), (Derivative((gradient,)),), is_seen=True)


def add(x: TensorType, *, in_place: bool = True, held: int = 0) -> Primitive:
    """A sum, in the storage of the first of two or in one of its own."""
    gives = (Gradient("x0", x, "same"), Gradient("x1", x, "same"))
    return Primitive("sum", (x,), (Derivative(gives),), is_seen=in_place, held=held)


Cell = Callable[[Program, Value, Value, Pass], Value]
"""The state that follows one, from the projection of a token."""


def tanh_cell(program: Program, row: Value, state: Value, p: Pass) -> Value:
    """That of `rnn`."""
    (projected,) = program.run(recur(p, state.type), state)
    (added,) = program.run(add(projected.type), projected, row)
    (found,) = program.run(TANH, added)
    return found


def split(x: TensorType, count: int) -> Primitive:
    """Parts of each row, without a copy; backward puts their gradients together."""
    part = x.with_shape((x.shape[0] // count,))
    takes = tuple(f"y{i}" for i in range(count))
    return Primitive("parts", (part,) * count, (Derivative((Gradient("x0", x),), takes),), is_seen=True)


def overwrite(x: TensorType) -> Primitive:
    """A function of each element in its own place, whose result is kept."""
    return Primitive("gate", (x,), (Derivative((Gradient("x0", x),)),), kept=Saved(result=True), is_seen=True)


def multiply_by(x: TensorType) -> Primitive:
    """A product in the storage of the first of two, of which a copy is kept."""
    copy = Extra("factor", x.shape, readers=(1,))
    back = Derivative((Gradient("x1", x), Gradient("x0", x)))
    return Primitive("product", (x,), (back,), kept=Saved(for_some=((1, (0,)),), extra=(copy,)), is_seen=True)


def gru_cell(program: Program, row: Value, state: Value, p: Pass) -> Value:
    """That of `gru`: a gate of what is forgotten, one of what stays, and what is new."""
    run, type = program.run, state.type
    of_token = run(split(row.type, 3), row)
    (projected,) = run(recur(p, type), state)
    of_state = run(split(projected.type, 3), projected)
    gates: list[Value] = []
    for parts in ((of_state[0], of_token[0]), (of_state[1], of_token[1])):
        gates += run(overwrite(type), *run(add(type), *parts))
    (reset,) = run(multiply_by(type), of_state[2], gates[0])
    (new,) = run(overwrite(type), *run(add(type, in_place=False), of_token[2], reset))
    less = Primitive("states", (type,), (Derivative((Gradient("x0", type, "same"), Gradient("x1", type))),))
    (found,) = run(multiply_by(type), *run(less, state, new), gates[1])
    return run(add(type, held=1), found, new, reset)[0]


class Layers(NamedTuple):
    """Layers of which each reads the states of the one before."""

    passes: tuple[tuple[Pass, ...], ...]
    """For each layer one for each direction."""
    dropout: float
    is_final: bool
    """Whether the states after the last token are results too."""

    @property
    def hidden(self) -> int:
        return self.passes[0][0].hidden

    @property
    def total(self) -> int:
        """States of all layers and directions."""
        return sum(map(len, self.passes))


class StepByStep(NamedTuple):
    """Layers that run a cell for each token."""

    layers: Layers
    cell: Cell

    def program(self, operands: Types, *, is_single: bool) -> Module:
        x, *start = map(Value, operands)
        program = Program(x, *start)
        layers = self.layers
        all_states = sequences(layers.total, layers.hidden, like=x.type)
        if start:
            (first,) = program.run(restack(start[0].type, all_states), *start)
        else:
            (first,) = program.run(Primitive("zeros", (all_states,)))
        (tokens,) = program.run(turn(x.type), x)
        begins = [*program.run(unbind(all_states, x.type.with_shape((layers.hidden,)), layers.total), first)]
        ends: list[Value] = []
        for layer in layers.passes:
            if ends and layers.dropout:
                (tokens,) = program.run(Dropout(p=layers.dropout, channels=False), tokens)
            own, begins = begins[: len(layer)], begins[len(layer) :]
            tokens, after = self._layer(program, tokens, own, layer, is_single=is_single)
            ends += after
        (last,) = program.run(stack([end.type for end in ends], all_states, 1), *ends, first)
        program.module.outputs += program.run(turn(tokens.type), tokens)
        if layers.is_final:
            program.module.outputs += program.run(turn(last.type), last)
        return program.module

    def _layer(
        self, program: Program, x: Value, begins: Sequence[Value], passes: Sequence[Pass], *, is_single: bool
    ) -> tuple[Value, list[Value]]:
        """What it gives for each token, and the states after the last one."""
        count = x.type.shape[0]
        held: list[Value] = []
        results: list[Value] = []
        listed_states: list[Value] = []
        ends: list[Value] = []
        for p, state in zip(passes, begins, strict=True):
            (projected,) = program.run(project(x.type, p, is_single=is_single), x)
            row = projected.type.with_shape((p.rows,))
            rows = program.run(unbind(projected.type, row, listed(count), len(held)), projected, *held)
            states = []
            for number in program.turns(count):
                state = self.cell(program, rows[number], state, p)
                states.append(state)
            held = [projected]
            alone = [projected, x] if len(passes) == 1 else []
            result = sequences(count, p.hidden, like=x.type)
            results += program.run(stack([state.type] * len(states), result, len(alone)), *states, *alone)
            listed_states += states
            ends.append(state)
        if len(passes) == 1:
            return results[0], ends
        held += [x, *listed_states]
        both = sequences(count, 2 * passes[0].hidden, like=x.type)
        (found,) = program.run(stack([r.type for r in results], both, len(held)), *results, *held)
        return found, ends
