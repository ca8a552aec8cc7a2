"""Fields passed through a network, operator by operator; through turns that are alike in as few steps as tell what all do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from archdsl.analyses.receptive_field.axis import AxisField, Join, Span, axis_of, union
from archdsl.analyses.receptive_field.field import (
    Field,
    FieldFacts,
    FieldRow,
    field_of,
    open_field,
    require_known,
    through,
)
from archdsl.analyses.turns import Split, run_turns
from archdsl.ir import Flat, Module, Network, Node, Op, OpenSize, Repeat, Shape, TensorType, Value, flatten, parts

Fields = Sequence[Field | None]
Known = dict[Value, Field | None]
_AxisForm = tuple[bool, int | None, list[bool], dict[int, bool]]


def receptive_field(
    network: Network,
    flat: Flat | None = None,
    input: str | None = None,
    *,
    join: Join = union,
    known: FieldFacts | None = None,
) -> FieldFacts:
    """The receptive field of every layer towards one input: the first with places unless named.

    On a chain of windows, transposed windows and interpolations sizes are exact. Raises `ValueError` for an unknown input.

    Args:
        join: what the fields of several operands make: all that they read or, with `narrowest`, the path that reads least.
        known: those of another `join`, which are the same where nothing was joined yet.
    """
    flat = flat or flatten(network)
    name = input or first_map(network)
    type = input_type(network, name)
    shared = None if known is None or flat.turns else known  # those in a turn differ from turn to turn
    given = own_fields(network, name) if shared is None else [shared.values[number] for number in flat.inputs]
    lister = _Lister(type.positions, join, shared)
    lister.module(network.body, given)
    values: list[Field | None] = [None] * len(flat.types)
    numbers = (*flat.inputs, *(number for layer in flat.layers for number in layer.results))
    for number, field in zip(numbers, (*given, *(field for fields in lister.found for field in fields)), strict=True):
        values[number] = field
    rows = tuple(FieldRow(layer.path, layer, values[layer.results[0]]) for layer in flat.layers)
    number = flat.inputs[network.inputs.index(name)] if name else -1
    return FieldFacts(name, number, type, rows, flat, tuple(values))


def first_map(network: Network) -> str:
    """The first input with places; the first where none has, and an empty name where there is none."""
    named = zip(network.inputs, network.input_types, strict=True)
    return next((name for name, type in named if type.positions), next(iter(network.inputs), ""))


def input_type(network: Network, name: str) -> TensorType:
    """The type of an input; a single number where there is none. Raises `ValueError` for an unknown one."""
    return network.input_types[network.inputs.index(name)] if name else TensorType(())


def own_fields(network: Network, name: str) -> list[Field | None]:
    """The fields of the inputs towards the one of this name, each unit of which reads itself."""
    type = input_type(network, name)
    sizes = type.positions
    axes = [axis_of(((0, 1),), 1, n, True, axis) for axis, n in enumerate(sizes, type.rank - len(sizes))]
    return [field_of(axes, sizes) if known == name else None for known in network.inputs]


class Walk:
    """Passes fields through modules, towards an input of some sizes."""

    def __init__(self, sizes: Shape, join: Join) -> None:
        self.sizes = sizes
        self.join = join

    def module(self, module: Module, inputs: Fields) -> Known:
        """The fields in a module; in turns that stand for many those of the first."""
        known: Known = dict(zip(module.inputs, inputs, strict=True))
        self._nodes(module.nodes, None, known)
        return known

    def call(self, module: Module, inputs: Fields) -> Fields:
        """The fields of a module's outputs, None of those that only exist while training."""
        known = self.module(module, inputs)
        return [known.get(value) for value in module.outputs]

    def operator(self, op: Op, node: Node, operands: Fields) -> Fields:
        """The fields of an operator's results."""
        return [through(op, node, operands, number, self.sizes, self.join) for number in range(len(node.results))]

    def again(self, row: Repeat, known: Known) -> None:
        """Passes them through a further turn."""
        self._nodes(row.nodes, row, known)

    def _nodes(self, nodes: Sequence[Node], around: Repeat | None, known: Known) -> None:
        for part in parts(nodes, around):
            if isinstance(part, Repeat):
                self._row(part, known)
            elif not part.training:
                operands = [known[value] for value in part.operands]
                op = part.operator
                found = self.call(op, operands) if isinstance(op, Module) else self.operator(op, part, operands)
                known.update(zip(part.results, found, strict=True))

    def _row(self, row: Repeat, known: Known) -> None:
        """Passes them through all turns that one stands for; where borders grow from turn to turn there is a bound only."""
        pairs = [(old, new) for old, new in row.carried().items() if old in known]
        read, made = [old for old, _ in pairs], [new for _, new in pairs]

        def turn(before: Fields) -> tuple[Field | None, ...]:
            inside = known | dict(zip(read, before, strict=True))
            self.again(row, inside)
            return tuple(inside[value] for value in made)

        start = tuple(known[value] for value in read)
        self._nodes(row.nodes, row, known)
        after: Fields | None = None
        if _borders(start) == _borders([known[value] for value in made]):
            try:
                after = run_turns(row.turns, start, turn, split, lambda state: joined(state, self.sizes))
            except OpenSize as open_size:
                after = [open_field(open_size)] * len(made)
        known.update(zip(made, after or [unknown(self.sizes)] * len(made), strict=True))


def _borders(fields: Fields) -> list[set[int]]:
    return [{*axis.border} for field in fields if field is not None for axis in field.axes]


class _Lister(Walk):
    """Lists the fields of the results of every operator, in the order in which they run; of turns those of the first."""

    def __init__(self, sizes: Shape, join: Join, shared: FieldFacts | None) -> None:
        super().__init__(sizes, join)
        self.found: list[Fields] = []
        self.is_again = False
        self.shared = shared
        """The fields by another way to join, if there are any."""
        self._shared = {id(field) for field in shared.values} if shared is not None else ()

    def operator(self, op: Op, node: Node, operands: Fields) -> Fields:
        if self.shared is not None and len(operands) == 1 and id(operands[0]) in self._shared:
            layer = self.shared.flat.layers[len(self.found)]
            found: Fields = [self.shared.values[number] for number in layer.results]
        else:
            found = super().operator(op, node, operands)
        if not self.is_again:
            self.found.append(found)
        return found

    def again(self, row: Repeat, known: Known) -> None:
        before, self.is_again = self.is_again, True
        super().again(row, known)
        self.is_again = before


def split(fields: Sequence[Field | None]) -> Split:
    """The fields taken apart. Raises `OpenSize`."""
    require_known(fields)
    axes = [axis for field in fields if field is not None for axis in field.axes]
    form = (
        [field is None for field in fields],
        [(a.is_exact, a.along, [span is None for span in a.spans], _absent(a.border)) for a in axes],
    )
    spans = ([s for s in (*a.spans, *a.border.values()) if s is not None] for a in axes)
    numbers = (
        (*(n for s in own for n in s), a.size, a.step, a.low, a.high) for a, own in zip(axes, spans, strict=True)
    )
    return Split(form, tuple(n for own in numbers for n in own))


def _absent(border: Mapping[int, Span | None]) -> dict[int, bool]:
    return {unit: span is None for unit, span in border.items()}


def joined(state: Split, sizes: Shape) -> tuple[Field | None, ...]:
    absent, forms = cast(tuple[list[bool], list[_AxisForm]], state.form)
    numbers, own = iter(state.numbers), iter(forms)

    def axis() -> AxisField:
        is_exact, along, missing, missing_at_border = next(own)
        spans = tuple(None if m else (next(numbers), next(numbers)) for m in missing)
        border = {unit: None if m else (next(numbers), next(numbers)) for unit, m in missing_at_border.items()}
        size, step, low, high = (next(numbers) for _ in range(4))
        return AxisField(size, spans, step, low, high, is_exact, along, border)

    return tuple(None if gone else field_of([axis() for _ in sizes], sizes) for gone in absent)


def unknown(sizes: Shape) -> Field:
    """What is known of a unit without knowing its field: it reads no more than all."""
    return field_of([axis_of(((0, n),), 0, 1, False, None) for n in sizes], sizes)
