"""An `lstm` as PyTorch runs it on a CPU in float32: each direction of a layer is one kernel of oneDNN (`mkldnn_rnn` in ATen's
`native/mkldnn/RNN.cpp`)."""

from __future__ import annotations

from archdsl.ir import Derivative, Extra, Gradient, Module, Saved, TensorType, Types, Value, together
from archdsl.ops.dropout import Dropout
from archdsl.ops.families.copies import is_copied_now, laid_in_order
from archdsl.ops.families.primitives import Primitive, Program
from archdsl.ops.families.step_by_step import ORDER, Layers, Pass, restack, sequences, stack, turn

STATES = 2
"""The state and the cell."""


def select(x: TensorType, state: TensorType) -> Primitive:
    """One of all states, without a copy; backward makes a tensor of the size of all."""
    return Primitive("state", (state,), (Derivative((Gradient("x0", x),)),), is_seen=True)


def copy(x: TensorType, result: TensorType) -> Primitive:
    """Tokens before samples."""
    return Primitive("copy", (result,), (Derivative((Gradient("x0", result, "same"),)),))


def kernel(x: TensorType, p: Pass, held: int) -> Primitive:
    """All tokens in one direction (`mkldnn_rnn_layer` in `derivatives.yaml`). It makes all of its gradients, whichever are
    wanted; without biases it reads zeros."""
    tokens, features = x.shape
    state = x.with_shape((p.hidden,))
    results = sequences(tokens, p.hidden, like=x), state, state
    zeros = (Extra("zeros", (p.rows * (features + p.hidden),), batched=False),) if len(p.learned) == STATES else ()
    made = (*workspace(tokens, features, p.hidden), *zeros)
    gives = (
        Gradient("x0", sequences(tokens, features, like=x)),
        Gradient("x1", state),
        Gradient("x2", state),
        *(Gradient(s.name, TensorType(s.shape, s.dtype, batched=False)) for s in p.learned),
        *(Gradient(f"bias {i}", TensorType((p.rows,), batched=False)) for i in range(STATES * len(zeros))),
    )
    return Primitive(
        "states",
        results,
        (Derivative(together(gives), ("y0", "y1", "y2")),),
        learned=p.learned,
        kept=Saved((0, 1, 2), result=True, kept_results=(0, 1, 2), extra=made),
        held=held,
        temporary=made,
    )


def workspace(tokens: int, features: int, hidden: int, end: str = "") -> tuple[Extra, ...]:
    """What oneDNN's kernel keeps, each part in whole pages (`rnn_utils.hpp` and `.cpp`, `set_workspace_sizes` and
    `set_offsets`): gates, states and cells, and room for their gradients. It is the same on all CPUs."""
    wide, steps = _leading(max(hidden, features)), 2 * (tokens + 1)
    parts = (tokens * _leading(4 * hidden), tokens * _leading(hidden), *[steps * wide] * 3, *[steps * hidden] * 2)
    return tuple(Extra(f"workspace{end}", (part,), in_pages=True) for part in parts)


def _leading(size: int) -> int:
    """The length of a row in a workspace: in whole lines of a cache, and no multiple of 256 (`get_good_ld`)."""
    rows = -(-size // 16) * 16
    return rows + 16 if rows % 256 == 0 else rows


def layer_by_layer(layers: Layers, operands: Types, *, is_single: bool) -> Module:
    """All layers."""
    x, *start = map(Value, operands)
    program = Program(x, *start)
    run = program.run
    all_states = sequences(layers.total, layers.hidden, like=x.type)
    one = x.type.with_shape((layers.hidden,))
    first: list[Value] = []
    for number in range(STATES):
        first += (
            run(restack(start[number].type, all_states), start[number])
            if start
            else run(Primitive("zeros", (all_states,)))
        )
    (tokens,) = run(turn(x.type), x)
    held = [*first]
    if is_copied_now(laid_in_order(x.type, ORDER), is_single):
        (tokens,) = run(copy(x.type, sequences(*x.type.shape, like=x.type)), tokens)
        held.append(tokens)
    ends: list[tuple[Value, ...]] = []
    outputs: list[Value] = []
    for number, layer in enumerate(layers.passes):
        for direction, p in enumerate(layer):
            before = outputs[direction : direction + 1]  # whose place the output takes
            states = [run(select(all_states, one), value)[0] for value in first]
            output, *after = run(kernel(tokens.type, p, len(before)), tokens, *states, *before)
            outputs[direction : direction + 1] = [output]
            ends.append(tuple(after))
        if len(layer) > 1:
            both = sequences(x.type.shape[0], len(layer) * layers.hidden, like=x.type)
            (tokens,) = run(stack([o.type for o in outputs], both, 1), *outputs, tokens)
        else:
            (tokens,) = outputs
        if layers.dropout and number < len(layers.passes) - 1:
            (tokens,) = run(Dropout(p=layers.dropout, channels=False), tokens)
    last: list[Value] = []
    for afterwards in zip(*ends, strict=True):
        last += run(stack([one] * len(afterwards), all_states, 0), *afterwards)
    program.hold(*held, *outputs, *last, *(state for end in ends for state in end))
    program.module.outputs += run(turn(tokens.type), tokens)
    if layers.is_final:
        program.module.outputs += [run(turn(value.type), value)[0] for value in last]
    return program.module
