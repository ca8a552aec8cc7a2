"""Fields passed through a network, layer by layer; through turns that are alike in as few steps as tell what all do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from archdsl.analyses.receptive_field.field import (
    AxisField,
    Field,
    FieldFacts,
    FieldRow,
    Join,
    axis_of,
    field_of,
    through,
    union,
)
from archdsl.analyses.turns import Split, run_turns
from archdsl.ir import Flat, Layer, Network, Shape, Turns, flatten


def receptive_field(
    network: Network,
    flat: Flat | None = None,
    input: str | None = None,
    *,
    join: Join = union,
    known: FieldFacts | None = None,
) -> FieldFacts:
    """The receptive field of every layer towards one input: the first with spatial axes unless named.

    On a chain of windows, transposed windows and interpolations sizes are exact. Raises `ValueError` for an unknown input.

    Args:
        join: what the fields of several operands make: all that they read or, with `narrowest`, the path that reads least.
        known: those of another `join`, which are the same where nothing was joined yet.
    """
    flat = flat or flatten(network)
    name = input or first_map(network)
    source = flat.inputs[network.inputs.index(name)]
    type = flat.types[source]
    values: list[Field | None] = [None] * len(flat.types)
    own = (axis_of(((0, 1),), 1, n, True, axis) for axis, n in enumerate(type.sizes, 1))
    shared = () if known is None or flat.turns else known.values  # those in a turn differ from turn to turn
    values[source] = shared[source] if shared else field_of(own, type.sizes)
    run = _Run(flat, values, type.sizes, join, shared)
    run.layers(0, len(flat.layers), flat.turns)
    for number, field in run.first_turns.items():
        values[number] = field
    rows = tuple(FieldRow(layer.path, layer, values[layer.results[0]]) for layer in flat.layers)
    return FieldFacts(name, type, rows, flat, tuple(values))


def first_map(network: Network) -> str:
    named = zip(network.inputs, network.input_types, strict=True)
    return next((name for name, type in named if type.sizes), network.inputs[0])


class _Run:
    """The fields of all values so far."""

    def __init__(
        self, flat: Flat, values: list[Field | None], sizes: Shape, join: Join, known: Sequence[Field | None] = ()
    ) -> None:
        self.flat = flat
        self.values = values
        self.sizes = sizes
        self.join = join
        self.known = known
        """The fields by another way to join, if there are any."""
        self.first_turns: dict[int, Field | None] = {}
        """Of layers that stand for others, and of what their turn hands through: the fields in the first of their turns."""

    def layers(self, first: int, end: int, rows: Sequence[Turns]) -> None:
        """Those from one number to before another, with the rows of turns among them."""
        while first < end:
            if rows and rows[0].first == first:
                row, rest = rows[0], rows[1:]
                inside = [r for r in rest if r.end <= row.end]
                self._row(row, inside)
                rows, first = rest[len(inside) :], row.end
            else:
                self._layer(self.flat.layers[first])
                first += 1

    def _layer(self, layer: Layer) -> None:
        operands = [self.values[n] for n in layer.operands]
        if self.known and len(operands) == 1 and operands[0] is self.known[layer.operands[0]]:
            for result in layer.results:
                self.values[result] = self.known[result]
            return
        for number, result in enumerate(layer.results):
            self.values[result] = through(layer.op, layer.node, operands, number, self.sizes, self.join)

    def _row(self, row: Turns, inside: Sequence[Turns]) -> None:
        read, made = [old for old, _ in row.carried], [new for _, new in row.carried]

        def turn(before: tuple[Field | None, ...]) -> tuple[Field | None, ...]:
            self._set(read, before)
            self.layers(row.first, row.end, inside)
            return tuple(self.values[n] for n in made)

        start = tuple(self.values[n] for n in read)
        turn(start)
        self._set(read, start)
        layers = self.flat.layers[row.first : row.end]
        first = {n: self.values[n] for n in (*made, *(n for layer in layers for n in layer.results))}
        known = {n: field for n, field in self.first_turns.items() if n in first}
        after = run_turns(row.turns, start, turn, split, lambda state: joined(state, self.sizes))
        self._set(read, start)
        self._set(made, after or [unknown(self.sizes)] * len(made))
        self.first_turns |= first | known

    def _set(self, numbers: Sequence[int], fields: Sequence[Field | None]) -> None:
        for number, field in zip(numbers, fields, strict=True):
            self.values[number] = field


def split(fields: Sequence[Field | None]) -> Split:
    axes = [axis for field in fields if field is not None for axis in field.axes]
    form = (
        [field is None for field in fields],
        [(axis.is_exact, axis.along, [span is None for span in axis.spans]) for axis in axes],
    )
    numbers = ((*(n for s in a.spans if s is not None for n in s), a.size, a.step, a.low, a.high) for a in axes)
    return Split(form, tuple(n for own in numbers for n in own))


def joined(state: Split, sizes: Shape) -> tuple[Field | None, ...]:
    absent, forms = cast(tuple[list[bool], list[tuple[bool, int | None, list[bool]]]], state.form)
    numbers, own = iter(state.numbers), iter(forms)

    def axis() -> AxisField:
        is_exact, along, missing = next(own)
        spans = tuple(None if m else (next(numbers), next(numbers)) for m in missing)
        size, step, low, high = (next(numbers) for _ in range(4))
        return AxisField(size, spans, step, low, high, is_exact, along)

    return tuple(None if gone else field_of([axis() for _ in sizes], sizes) for gone in absent)


def unknown(sizes: Shape) -> Field:
    """What is known of a unit without knowing its field: it reads no more than all."""
    return field_of([axis_of(((0, n),), 0, 1, False, None) for n in sizes], sizes)
